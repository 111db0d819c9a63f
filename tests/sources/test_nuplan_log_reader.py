"""A log written as nuPlan does comes back at 10 Hz as it was driven; whatever is broken in one is named."""

import pickle
import shutil
import sqlite3

import numpy as np
import pytest

from simscale_gym.errors import DataError, SceneError
from simscale_gym.scene import LightStatus, StateIndex, TrackType, nuplan_rig
from simscale_gym.sources.nuplan import sqlite_table
from simscale_gym.sources.nuplan.dataset import NuPlanRoot, load_log_scene, scene_names
from simscale_gym.sources.nuplan.log_reader import Boxes, read_head
from simscale_gym.sources.nuplan.recording import tokens
from simscale_gym.sources.nuplan.resample import _sizes, steering_angle, sweeps_of_frames
from simscale_gym.sources.nuplan.schema import LOG_TABLES

START_US = 1_650_000_000_000_000


@pytest.fixture
def root(small_root, tmp_path):
    shutil.copytree(small_root, tmp_path / "nuplan")
    return tmp_path / "nuplan"


@pytest.fixture
def log(root):
    (path,) = (root / "nuplan-v1.1" / "splits" / "mini").glob("*.db")
    return path


@pytest.fixture(scope="module")
def scene(small_root):
    found = NuPlanRoot.open(small_root)
    return load_log_scene(found.logs[0], found.maps, "scene-000")


def change(path, *statements):
    database = sqlite3.connect(path)
    with database:
        for statement, *arguments in statements:
            database.execute(statement, arguments)
    database.close()


def load(root, name="scene-000"):
    found = NuPlanRoot.open(root)
    return load_log_scene(found.logs[0], found.maps, name)


def test_scenes_are_listed_without_the_one_that_is_too_short(small_root):
    found = NuPlanRoot.open(small_root)
    assert scene_names(found.logs[0]) == ["scene-000", "scene-001"]
    head = read_head(found.logs[0])
    assert head.name == found.logs[0].stem and head.location == "us-pa-pittsburgh-hazelwood"
    assert [row.num_frames for row in head.scenes] == [150, 150]


def test_frame_and_clock(scene, small_drive):
    np.testing.assert_array_equal(scene.origin, np.round(small_drive.origin))
    np.testing.assert_array_equal(scene.timestamps_us, START_US + 100_000 * np.arange(150))
    assert scene.id == f"{scene.log_id}/scene-000" and scene.source == "nuplan"
    assert scene.route == ("1", "4", "2") and scene.inferred == ()


def test_the_ego_drives_as_recorded(scene, small_drive):
    shift = small_drive.origin - scene.origin
    wanted, ego = small_drive.ego.states[:300:2], scene.ego
    np.testing.assert_allclose(
        ego.states[:, :2] + scene.origin[:2], wanted[:, :2] + small_drive.origin[:2], atol=1e-8
    )
    recorded = [
        StateIndex.HEADING,
        StateIndex.VX,
        StateIndex.VY,
        StateIndex.AX,
        StateIndex.AY,
        StateIndex.YAW_RATE,
    ]
    np.testing.assert_allclose(ego.states[:, recorded], wanted[:, recorded], atol=1e-12)
    np.testing.assert_allclose(ego.z, small_drive.ego.z[:300:2] + shift[2], atol=1e-8)
    np.testing.assert_allclose(ego.roll, 0.02, atol=1e-12)
    np.testing.assert_allclose(ego.pitch, -0.01, atol=1e-12)
    np.testing.assert_allclose(ego.states[:, StateIndex.STEERING], np.arctan(3.089 * 0.03 / 7.5), atol=1e-12)
    np.testing.assert_allclose(ego.states[:, StateIndex.YAW_ACC], 0.0, atol=1e-9)
    np.testing.assert_allclose(scene.goal, [290 + shift[0], shift[1], 0.25], atol=1e-8)


def test_the_others_come_back_with_class_size_and_presence(scene, small_drive):
    shift = (small_drive.origin - scene.origin)[:2]
    rows = [scene.tracks.ids.index(i) for i in small_drive.tracks.ids]
    assert scene.tracks.types[rows].tolist() == [TrackType.VEHICLE, TrackType.PEDESTRIAN]
    np.testing.assert_array_equal(scene.tracks.sizes[rows], small_drive.tracks.sizes)
    valid = small_drive.tracks.valid[:, :300:2]
    np.testing.assert_array_equal(scene.tracks.valid[rows], valid)
    for row, k in enumerate(rows):
        wanted, seen = small_drive.tracks.poses[row, :300:2][valid[row]], valid[row]
        np.testing.assert_allclose(scene.tracks.poses[k, seen, :2], wanted[:, :2] + shift, atol=1e-8)
        turn = scene.tracks.poses[k, seen, 2] - wanted[:, 2]
        np.testing.assert_allclose(np.sin(turn), 0.0, atol=1e-12)
        np.testing.assert_allclose(
            scene.tracks.velocities[k, seen], small_drive.tracks.velocities[row, :300:2][seen]
        )


def test_lights_hold_between_samples_for_half_a_second(scene):
    lights = dict(zip(scene.lights.lane_ids, scene.lights.status, strict=True))
    left, right = lights["5"], lights["6"]
    assert (left[:100] == LightStatus.GREEN).all() and (left[100:] == LightStatus.RED).all()
    # samples 50 .. 79 of the right one are missing: that of 2.4 s holds until 2.9 s, then unknown until 4.0 s
    assert (right[:30] == LightStatus.GREEN).all() and (right[30:40] == LightStatus.UNKNOWN).all()
    assert (right[40:] == LightStatus.GREEN).all()


def test_only_sweeps_that_say_something_about_a_frame_are_read(root, log, scene):
    """The log has 20 sweeps a second, a scene 10 frames: whatever stands in the others is not looked at."""
    between = "lidar_pc_token IN (SELECT token FROM lidar_pc WHERE (timestamp / 50000) % 2 = ?)"
    first = sqlite3.connect(log).execute("SELECT MIN(timestamp) FROM lidar_pc").fetchone()[0] // 50_000 % 2
    for table, column in (("lidar_box", "x"), ("traffic_light_status", "status")):
        change(log, (f"UPDATE {table} SET {column} = 'nonsense' WHERE {between}", 1 - first))
    half = load(root)
    assert half.tracks.ids == scene.tracks.ids and half.lights.lane_ids == scene.lights.lane_ids
    for name in ("poses", "velocities", "valid", "sizes", "types", "z"):
        np.testing.assert_array_equal(getattr(half.tracks, name), getattr(scene.tracks, name))
    np.testing.assert_array_equal(half.lights.status, scene.lights.status)


def test_frames_between_sweeps_take_both_neighbors():
    sweeps = np.array([0, 50, 100, 151, 203, 250, 310, 400]) * 1000
    times = np.array([0, 100, 200, 300, 400]) * 1000
    # 0, 100 and 400 ms have their own; 200 lies between 151 and 203, 300 between 250 and 310
    assert sweeps_of_frames(sweeps, times).tolist() == [0, 2, 3, 4, 5, 6, 7]
    assert sweeps_of_frames(sweeps, np.array([51_500])).tolist() == [1], (
        "within 2 ms of a sweep it is taken as it is"
    )


def test_a_size_is_the_middle_one_of_its_track():
    sizes = np.array(
        [[4.0, 2, 1], [4.2, 2, 1], [4.4, 2, 1], [1, 1, 1], [1, 1, 1], [3, 3, 3], [5, 3, 3]], float
    )
    boxes = Boxes(
        np.zeros(7, int), np.array([0, 0, 0, 2, 2, 1, 1]), ("a", "b", "c"), np.zeros(3), np.zeros((7, 3)),
        np.zeros(7), np.zeros((7, 2)), sizes,
    )  # fmt: skip
    np.testing.assert_array_equal(_sizes(boxes), [[4.2, 2, 1], [4, 3, 3], [1, 1, 1]])


def test_cameras_come_from_the_log(scene):
    nominal = nuplan_rig()
    assert list(scene.rig.cameras) == list(nominal.cameras)
    for name, camera in scene.rig.cameras.items():
        np.testing.assert_allclose(camera.cam_to_ego, nominal.cameras[name].cam_to_ego, atol=1e-12)
        np.testing.assert_array_equal(camera.K, nominal.cameras[name].K)


def test_a_later_scene_shares_map_and_frame_with_the_first(small_root, scene):
    second = load(small_root, "scene-001")
    assert second.map is scene.map and second.shapes is scene.shapes
    np.testing.assert_array_equal(second.origin, scene.origin)
    assert second.timestamps_us[0] - scene.timestamps_us[0] == 15_000_000 and second.goal is None


def test_rows_off_the_grid_are_interpolated(root, log, small_drive):
    """All sweeps but the first come 20 ms late, and find the car (2 m/s) 4 cm further on."""
    late = "SELECT token FROM lidar_pc WHERE rowid > 1"
    change(
        log,
        (f"UPDATE lidar_box SET x = x + 0.04 WHERE vx = 2.0 AND lidar_pc_token IN ({late})",),
        ("UPDATE lidar_pc SET timestamp = timestamp + 20000 WHERE rowid > 1",),
    )
    scene = load(root)
    k = scene.tracks.ids.index(small_drive.tracks.ids[0])
    shift = (small_drive.origin - scene.origin)[0]
    np.testing.assert_allclose(scene.tracks.poses[k, :, 0], 20 + 0.2 * np.arange(150) + shift, atol=1e-8)


def test_tables_and_links_are_nuplans(log):
    database = sqlite3.connect(log)
    for name, columns in LOG_TABLES.items():
        assert [row[1] for row in database.execute(f"PRAGMA table_info({name})")] == list(columns)

    def one(query):
        return database.execute(query).fetchone()[0]

    assert one("SELECT channel FROM lidar") == "MergedPointCloud"
    assert one("SELECT logfile FROM log") == log.stem
    assert one("SELECT count(*) FROM ego_pose") == 719 * 5 + 1 + 1
    assert one("SELECT count(*) FROM image") == 8 * 360
    assert one("SELECT count(*) FROM scenario_tag WHERE type = 'on_intersection'") == 720 - 267
    assert one("SELECT count(*) FROM lidar_pc p JOIN lidar_pc q ON p.next_token = q.token AND q.prev_token = p.token "
               "AND q.timestamp = p.timestamp + 50000") == 719  # fmt: skip
    assert one("SELECT count(*) FROM lidar_pc p JOIN ego_pose e ON p.ego_pose_token = e.token "
               "AND e.timestamp = p.timestamp") == 720  # fmt: skip
    assert one("SELECT count(*) FROM lidar_box b JOIN lidar_box c ON b.next_token = c.token AND b.track_token = "
               "c.track_token AND c.prev_token = b.token") == 719 + 619  # fmt: skip
    assert one("SELECT count(DISTINCT token) FROM lidar_box") == 720 + 620
    assert one("SELECT roadblock_ids FROM scene WHERE name = 'scene-000'") == "1 4 2"
    assert pickle.loads(one("SELECT distortion FROM camera LIMIT 1")) == [0.0] * 5
    database.close()


def test_tokens_are_stable_and_differ():
    assert tokens("log", "table", 3) == tokens("log", "table", 3)
    many = tokens("log", "table", 5000) + tokens("log", "other", 5000)
    assert len(set(many)) == 10_000 and {len(token) for token in many} == {8}


def test_steering_is_held_through_standstill():
    speed, rate = np.array([5.0, 0.0, 0.0, 5.0]), np.array([0.5, 1e-3, 0.0, 0.5])
    angle = np.arctan(3.089 * 0.1)
    np.testing.assert_allclose(steering_angle(speed, rate, 3.089), angle)
    np.testing.assert_array_equal(steering_angle(np.zeros(3), np.ones(3), 3.089), 0.0)


def test_a_log_without_route_or_cameras_says_what_was_worked_out(root, log):
    change(log, ("UPDATE scene SET roadblock_ids = 'None'",), ("DELETE FROM camera",))
    scene = load(root)
    assert scene.route[:3] == ("1", "4", "2") and len(scene.inferred) == 2
    assert scene.rig.cameras.keys() == nuplan_rig().cameras.keys()


@pytest.mark.parametrize("named", ["2", "2 1"])
def test_a_route_that_the_drive_contradicts_is_mended_and_said(root, log, named):
    change(log, (f"UPDATE scene SET roadblock_ids = '{named}'",))
    scene = load(root)
    assert scene.route[:3] == ("1", "4", "2") and "leaves them out" in scene.inferred[0]


def test_a_log_without_traffic_or_lights_is_read(root, log):
    change(log, ("DELETE FROM lidar_box",), ("DELETE FROM traffic_light_status",))
    scene = load(root)
    assert len(scene.tracks) == 0 and scene.tracks.valid.shape == (0, 150) and scene.lights.lane_ids == ()


def test_a_route_with_commas_and_repeats_is_read(root, log):
    change(log, ("UPDATE scene SET roadblock_ids = '1, 1,4 ,2,2'",))
    assert load(root).route == ("1", "4", "2")


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("DROP TABLE lidar_box", "table lidar_box"),
        ("DROP TABLE scene", "table scene"),
        ("ALTER TABLE ego_pose RENAME qw TO w", "table ego_pose, column qw"),
        ("UPDATE ego_pose SET x = NULL WHERE rowid = 7", "table ego_pose, column x"),
        ("UPDATE ego_pose SET vx = 'fast' WHERE rowid = 7", "table ego_pose, column vx"),
        ("UPDATE ego_pose SET y = 9e999 WHERE rowid = 7", "table ego_pose, column y"),
        ("UPDATE ego_pose SET y = 1e200 WHERE rowid = 7", "table ego_pose, column y"),
        ("UPDATE ego_pose SET qw = 0, qx = 0, qy = 0, qz = 0 WHERE rowid = 7", "table ego_pose, column qw"),
        ("DELETE FROM ego_pose", "table ego_pose"),
        ("DELETE FROM ego_pose WHERE rowid BETWEEN 100 AND 200", "table ego_pose"),
        ("DELETE FROM lidar_pc WHERE rowid BETWEEN 100 AND 120", "table lidar_pc"),
        ("UPDATE lidar_pc SET timestamp = 0 WHERE rowid = 1", "table lidar_pc"),
        ("UPDATE lidar_pc SET timestamp = -9000000000000000000 WHERE rowid = 1", "table lidar_pc"),
        ("UPDATE lidar_pc SET timestamp = 'noon' WHERE rowid = 3", "table lidar_pc, column timestamp"),
        ("UPDATE lidar_box SET yaw = NULL WHERE rowid = 3", "table lidar_box, column yaw"),
        ("UPDATE lidar_box SET track_token = x'00' WHERE rowid = 3", "table lidar_box, column track_token"),
        ("UPDATE category SET name = 'dragon' WHERE name = 'vehicle'", "table category, column name"),
        ("DELETE FROM category WHERE name = 'vehicle'", "table track, column category_token"),
        ("UPDATE traffic_light_status SET status = 'blue'", "table traffic_light_status, column status"),
        ("UPDATE camera SET rotation = NULL", "table camera, column rotation"),
        ("UPDATE camera SET intrinsic = distortion", "table camera, column intrinsic"),
        ("UPDATE camera SET width = NULL", "table camera, column width"),
        ("UPDATE camera SET width = 0", "table camera, column intrinsic"),
        ("UPDATE camera SET height = 100000000", "table camera, column intrinsic"),
        ("UPDATE log SET map_version = 'atlantis'", "table log, column map_version"),
        ("INSERT INTO log (token, logfile) VALUES (x'01', 'another')", "table log"),
        ("UPDATE lidar_pc SET scene_token = NULL", "table scene"),
        ("DELETE FROM lidar_pc", "table scene"),
    ],
)  # fmt: skip
def test_a_broken_log_names_file_table_and_column(root, log, statement, field):
    change(log, (statement,))
    with pytest.raises(DataError) as caught:
        load(root)
    assert field in caught.value.field and str(log) in str(caught.value)


@pytest.mark.parametrize("code", [32611, 32717, 3031])
def test_a_map_in_another_projection_is_refused(root, code):
    (path,) = root.glob("maps/us-pa-*/*/map.gpkg")
    change(path, (f"UPDATE meta SET value = 'epsg:{code}' WHERE key = 'projectedCoordSystem'",))
    with pytest.raises(
        DataError, match=r"map\.gpkg.*no lane within 250 m of the drive|outside the projection"
    ):
        load(root)


def test_a_view_in_place_of_a_table_is_not_run(root, log):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS token FROM n"
    change(log, ("DROP TABLE scene",), (f"CREATE VIEW scene AS {endless}",))
    with pytest.raises(DataError, match="table scene: found a view"):
        load(root)


def test_a_hostile_calibration_is_refused(root, log, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    change(log, ("UPDATE camera SET translation = ?", pickle.dumps(Bomb())))
    with pytest.raises(DataError, match=r"table camera, column translation, row 0.*io\.open|builtins"):
        load(root)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("matrix", [np.diag([0.0, 9e2, 1.0]), 1e300 * np.eye(3), np.diag([-9e2, 9e2, 1.0])])
def test_lenses_of_no_camera_are_refused(root, log, matrix):
    change(log, ("UPDATE camera SET intrinsic = ?", pickle.dumps(matrix.tolist())))
    with pytest.raises(DataError, match=r"table camera, column intrinsic, row 0: found focal lengths"):
        load(root)


@pytest.mark.parametrize("share", [0.0, 1e-5, 1e-3, 0.05, 0.3, 0.6, 0.9, 0.999, 0.99999])
def test_a_truncated_log_is_one_error(root, log, share):
    whole = log.read_bytes()
    log.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError) as caught:
        load(root)
    assert caught.value.path == str(log)


def test_noise_in_a_log_raises_only_our_error(root, log):
    """Pages overwritten with noise: either the scene does not need them, or the error is ours."""
    whole, rng = log.read_bytes(), np.random.default_rng(0)
    failed = 0
    for _ in range(12):
        at = int(rng.integers(100, len(whole) - 20_000))
        log.write_bytes(whole[:at] + rng.bytes(20_000) + whole[at + 20_000 :])
        try:
            load(root)
        except DataError:
            failed += 1
    assert failed > 0


def test_what_is_no_database_is_refused(root, log):
    log.write_bytes(b"PK\x03\x04 this is a zip file, really" * 10)
    with pytest.raises(DataError, match="SQLite"):
        load(root)


def test_rows_that_only_an_index_ties_to_a_sweep_are_named(root, log, monkeypatch):
    """A damaged index can hand out rows of sweeps that the scene does not have."""
    monkeypatch.setattr(sqlite_table, "_one_of", lambda column, count: " OR ".join(["? IS NOT NULL"] * count))
    for table in ("lidar_box", "traffic_light_status"):
        with pytest.raises(DataError, match=f"table {table}, column lidar_pc_token"):
            load(root)
        change(log, (f"DELETE FROM {table}",))


def test_missing_places_say_what_was_looked_for(tmp_path, root, log):
    with pytest.raises(DataError, match=r"splits/<split>/<log>\.db"):
        NuPlanRoot.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.db file"):
        NuPlanRoot.open(tmp_path / "empty")
    (root / "maps" / "nuplan-maps-v1.0.json").write_text("{")
    with pytest.raises(DataError, match=r"nuplan-maps-v1\.0\.json"):
        load(root)
    shutil.rmtree(root / "maps")
    with pytest.raises(DataError, match=r"maps/nuplan-maps-v1\.0\.json"):
        NuPlanRoot.open(root)


def test_one_log_alone_finds_its_maps_above(small_root):
    log = NuPlanRoot.open(small_root).logs[0]
    alone = NuPlanRoot.open(log)
    assert alone.logs == (log,) and alone.maps == small_root / "maps"
    assert NuPlanRoot.open(log.parent, maps=small_root / "maps").logs == (log,)


def test_an_unknown_scene_lists_the_nearest(small_root):
    with pytest.raises(SceneError, match=r"nearest: scene-00[01], "):
        load(small_root, "scene-00")


def test_recorded_pictures_are_those_of_table_image(root, log):
    maps = root / "maps"
    assert load_log_scene(log, maps, "scene-000").recorded is None
    blobs = root / "nuplan-v1.1" / "sensor_blobs"
    blobs.mkdir()
    with sqlite3.connect(log) as database:
        rows = database.execute(
            "SELECT image.filename_jpg FROM image JOIN camera ON camera.token = image.camera_token "
            "WHERE camera.channel = 'CAM_L0' ORDER BY image.timestamp"
        ).fetchall()
    path = blobs / rows[12][0]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    recorded = load_log_scene(log, maps, "scene-000").recorded
    assert recorded.file("cam_l0", 12) == path
    assert recorded.file("cam_l0", 13) is None
    assert recorded.file("cam_f0", 12) is None
    assert len(recorded.names) == 8
