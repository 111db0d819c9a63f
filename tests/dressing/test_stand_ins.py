"""Stand-ins for tracks that a trained scene has no Gaussians for."""

import numpy as np
from placed_tracks import with_tracks
from street import TURN, street_scene, turned

from simscale_gym.dressing.nodes.stand_ins import stand_ins
from simscale_gym.geometry import se3
from simscale_gym.rendering import AssetRenderer
from simscale_gym.scene import Moment, TrackType
from simscale_gym.splats.assets.node_asset import NodeAsset
from simscale_gym.splats.assets.scene_asset import SceneAsset
from simscale_gym.splats.gaussians import Gaussians

CAMERAS, SIZE = ("cam_f0",), (72, 128)


def scene():
    places = [
        ((6.0, -1.6), TrackType.VEHICLE),
        ((8.0, 2.5), TrackType.PEDESTRIAN),
        ((9.0, -4.0), TrackType.BICYCLE),
    ]
    return with_tracks(
        street_scene(), *((np.array([*turned([place])[0], TURN]), 0.0, kind) for place, kind in places)
    )


def nothing():
    return Gaussians.from_rgb(*(np.zeros((0, n)) for n in (3, 4, 3)), np.zeros(0), np.zeros((0, 3)))


def test_they_fill_their_boxes_around_the_middle():
    tracks = scene().tracks
    nodes = stand_ins(scene(), {"placed-1"})
    assert [node.name for node in nodes] == ["placed-0", "placed-2"]
    for node, row in zip(nodes, (0, 2), strict=True):
        np.testing.assert_array_equal(node.size, tracks.sizes[row])
        low, high = np.percentile(node.gaussians.means, [1, 99], axis=0)
        height = tracks.sizes[row, 2]
        assert abs(low[2] + height / 2) < 0.2 * height and abs(high[2] - height / 2) < 0.2 * height
        assert node.poses is None and len(node.gaussians) > 100


def test_they_are_the_same_every_time():
    first, again = (stand_ins(scene(), ())[0].gaussians for _ in range(2))
    np.testing.assert_array_equal(first.sh, again.sh)
    np.testing.assert_array_equal(first.means, again.means)


def picture(asset, **settings):
    here = scene()
    renderer = AssetRenderer(here, asset, threads=1, **settings)
    frame = renderer.render([Moment.of_log(here, 0)], CAMERAS, SIZE)
    return renderer, frame.images[0, 0].astype(int)


def test_the_renderer_draws_them_only_where_the_asset_has_no_node():
    here = scene()
    everyone = stand_ins(here, ())
    empty = SceneAsset(nothing(), se3.rigid(np.eye(3), here.origin))
    _, alone = picture(empty)
    renderer, seen = picture(empty, stand_ins=everyone)
    assert not alone.any() and (seen.max(-1) > 30).sum() > 100
    assert renderer.missing_tracks == here.tracks.ids
    white = Gaussians.from_rgb(
        np.zeros((1, 3)), [[1.0, 0, 0, 0]], np.full((1, 3), 0.4), [0.99], [[1.0, 1.0, 1.0]]
    )
    trained = SceneAsset(nothing(), empty.asset_to_world, (NodeAsset("placed-0", "rigid", white),))
    renderer, seen = picture(trained, stand_ins=everyone)
    assert renderer.missing_tracks == ("placed-1", "placed-2")
    assert (seen.min(-1) > 230).any()  # the trained one, not its stand-in
    np.testing.assert_array_equal(seen, picture(trained, stand_ins=everyone[1:])[1])
