"""Commands on trained scenes: look into a file, bring it into the open folder format, hold it against a log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from simscale_gym.commands.settings import Convert, Inspect, Validate
from simscale_gym.errors import ArgumentError, DataError
from simscale_gym.files.stored_arrays import read_npy
from simscale_gym.rendering import AssetRenderer
from simscale_gym.rendering.asset_check import Check, pixel_check, scene_checks, value_checks
from simscale_gym.rendering.asset_picture import draw_check_picture
from simscale_gym.scene import Scene
from simscale_gym.sources import find_scene, list_scenes, load_scene
from simscale_gym.splats.assets.asset_folder import damaged_files, save_asset
from simscale_gym.splats.assets.asset_import import UNPLACED, format_of, import_asset
from simscale_gym.splats.assets.log_alignment import align_to_log, aligned
from simscale_gym.splats.assets.log_distance import check_on_log
from simscale_gym.splats.assets.node_asset import NodePoses
from simscale_gym.splats.assets.placement import placed, scale_of
from simscale_gym.splats.assets.scene_asset import SceneAsset, renamed
from simscale_gym.splats.assets.track_matching import match_tracks
from simscale_gym.splats.formats.files import WRITERS
from simscale_gym.splats.gaussians import Gaussians

_CAMERAS = ("cam_l0", "cam_f0", "cam_r0")
_MAX_JSON_BYTES = 2**24
_PERCENTILES = (1, 50, 99)


def run_splats(settings: Inspect | Convert | Validate) -> bool:
    """Do what is asked of a trained scene; whether it passed, where it was to be checked."""
    if isinstance(settings, Inspect):
        inspect_splats(settings.path)
        return True
    scene = named_scene(settings)
    if isinstance(settings, Validate):
        return validate_asset(settings.path, scene, settings.out)
    convert_splats(settings, scene)
    return True


def inspect_splats(path: Path) -> None:
    """Print what a file or folder of Gaussians holds."""
    asset = import_asset(path)
    console = Console()
    kind = format_of(path)
    source = asset.provenance
    made = f", made of {source.format} {source.file}".rstrip() if kind == "asset" and source.format else ""
    console.print(f"{path}: {kind}{made}, {asset.count:,} Gaussians", highlight=False, soft_wrap=True)
    console.print(_parts_table(asset))
    for name, part in _parts(asset).items():
        if len(part) and not name.endswith("nodes"):
            console.print(f"{name}: {_bounds(part)}", highlight=False)
    if asset.nodes:
        console.print(_nodes_table(asset))
    console.print(f"frame to world: {_placement(asset)}", highlight=False)
    views = "unknown" if asset.views is None else f"{len(asset.views.Ks)}"
    sky = "none" if asset.cube_map is None else f"{asset.cube_map.shape[1]} texels a side"
    console.print(
        f"antialiased: {'yes' if asset.antialiased else 'no'}; training views: {views}; cube map: {sky}; "
        f"cameras with colors of their own: {', '.join(asset.appearance) or 'none'}",
        highlight=False,
        soft_wrap=True,
    )
    if source.note:
        console.print(f"[dim]{source.note}[/dim]", highlight=False)


def convert_splats(settings: Convert, scene: Scene | None = None) -> None:
    """Write a scene as an asset's folder, or one set of Gaussians as a file of the kind that `out` ends with.

    Args:
        settings: What to write where, and how.
        scene: The log whose tracks nodes are matched with.

    Raises:
        ArgumentError: Settings that do not go together.
        DataError: Something cannot be read, or not be written.
    """
    console, path, out, transform = Console(), settings.path, settings.out, settings.transform
    if out.suffix.lower() in WRITERS:
        if any(option is not None for option in (transform, settings.tracks, scene)):
            raise ArgumentError(
                f"out: {out} is one file; transforms and tracks go with the folder of an asset."
            )
        _convert_file(path, out)
        console.print(f"wrote {out}", highlight=False, soft_wrap=True)
        return
    asset = import_asset(path, track_ids=None if settings.tracks is None else read_track_ids(settings.tracks))
    if transform is not None:
        asset = placed(asset, read_transform(transform))
    if scene is not None:
        if transform is None:
            asset = _laid_on(asset, scene, console)
        check_on_log(asset, scene)
        asset = renamed(asset, match_tracks(asset, scene))
        matched = sum(node.name in scene.tracks.ids for node in asset.nodes)
        console.print(f"{matched} of {len(asset.nodes)} nodes are tracks of {scene.id}", highlight=False)
    save_asset(out, asset, encoding=settings.encoding)
    console.print(
        f"wrote {out}: {asset.count:,} Gaussians, {len(asset.nodes)} nodes", highlight=False, soft_wrap=True
    )


def _laid_on(asset: SceneAsset, scene: Scene, console: Console) -> SceneAsset:
    """The asset where its nodes are tracks of the scene; one that nothing places is laid on the log by them.

    Raises:
        ArgumentError: Its nodes do not fit on tracks.
    """
    placed = (asset.asset_to_world != np.eye(4)).any() or match_tracks(asset, scene)
    if placed or not asset.nodes:
        return asset
    found = align_to_log(asset, scene)
    told = f"laid on the log of {scene.id} by {len(found.tracks)} nodes, {found.residual:.2f} m from their tracks"
    console.print(told, highlight=False)
    note = "; ".join(
        part for part in (*asset.provenance.note.split("; "), told) if part not in ("", UNPLACED)
    )
    return replace(aligned(asset, found), provenance=replace(asset.provenance, note=note))


def validate_asset(path: Path, scene: Scene | None, out: Path | None) -> bool:
    """Print the checks of an asset, and draw a picture; whether all passed."""
    damaged = damaged_files(path) if format_of(path) == "asset" else []
    checks = [Check("files as they were written", not damaged, ", ".join(damaged) or "all", "all")]
    asset = import_asset(path)
    checks += value_checks(asset)
    if scene is not None:
        cameras = (
            tuple(name for name in _CAMERAS if name in scene.rig.cameras) or tuple(scene.rig.cameras)[:3]
        )
        renderer = AssetRenderer(scene, asset)
        checks += [*scene_checks(asset, scene), pixel_check(renderer, cameras)]
        if out is not None:
            draw_check_picture(out, renderer, cameras)
    console = Console()
    console.print(_checks_table(checks))
    if scene is None:
        console.print(
            "no scene was named: axes, scale and coverage were not held against a log", highlight=False
        )
    else:
        drawn = len(scene.tracks) - len(renderer.missing_tracks)
        console.print(f"{drawn} of the scene's {len(scene.tracks)} tracks have a node", highlight=False)
    if out is not None and scene is not None:
        console.print(f"wrote {out}", highlight=False, soft_wrap=True)
    return all(check.passed for check in checks)


def named_scene(settings: Convert | Validate) -> Scene | None:
    """The scene that is named, or the only one of the source that is; None where neither is named.

    Raises:
        ArgumentError: A source is named that has several.
    """
    if settings.scenes is None and settings.scene is None:
        return None
    scenes = settings.scenes or "town"
    refs = list_scenes(scenes, settings.split)
    if settings.scene is None and len(refs) > 1:
        raise ArgumentError(f"scene: {scenes} has {len(refs)} scenes; name one, such as {refs[0].id}.")
    return load_scene(refs[0] if settings.scene is None else find_scene(refs, settings.scene))


def read_transform(path: Path) -> np.ndarray:
    """A transform `[4, 4]` of a `.npy` or JSON file: a rotation, times a scale, and a shift.

    Raises:
        DataError: There is none in it.
    """
    expected = "a transform that turns, shifts and scales alike everywhere, 4 by 4, as .npy or JSON"
    if not path.is_file() or path.stat().st_size > _MAX_JSON_BYTES:
        raise DataError(path, found="no file, or a large one", expected=expected)
    try:
        is_npy = path.suffix.lower() == ".npy"
        value = read_npy(path, _MAX_JSON_BYTES) if is_npy else json.loads(path.read_bytes())
        transform = np.array(value, np.float64)
        scale_of("transform", transform)
        return transform
    except (ValueError, TypeError, OverflowError, RecursionError, ArgumentError, DataError) as error:
        raise DataError(
            path, found=f"none ({' '.join(str(error).split())})"[:160], expected=expected
        ) from None


def read_track_ids(path: Path) -> dict[str, str]:
    """Ids of tracks by names of nodes, of a JSON file.

    Raises:
        DataError: It holds something else.
    """
    expected = 'ids of tracks by names of nodes as JSON, {"RigidNodes_0": "3f2a..", ..}'
    if not path.is_file() or path.stat().st_size > _MAX_JSON_BYTES:
        raise DataError(path, found="no file, or a large one", expected=expected)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(path, found=f"no JSON ({error})"[:120], expected=expected) from None
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        raise DataError(path, found=f"{value!r:.80}", expected=expected)
    return value


def _convert_file(path: Path, out: Path) -> None:
    """Write what ``path`` holds to ``out``."""
    if format_of(path) != "gaussians":
        found = "a scene of several parts"
        hint = "Name a folder to write to."
        raise DataError(path, found=found, expected=f"one set of Gaussians for {out.name}", hint=hint)
    Gaussians.load(path).save(out)


def _parts(asset: SceneAsset) -> dict[str, Gaussians]:
    parts = {"background": asset.background, "sky": asset.sky}
    if asset.nodes:
        parts[f"{len(asset.nodes)} nodes"] = Gaussians.concatenate([node.gaussians for node in asset.nodes])
    return {name: part for name, part in parts.items() if part is not None}


def _parts_table(asset: SceneAsset) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("part", "Gaussians", "SH degree", "opacity 1/50/99 %", "scale (m) 1/50/99 %"):
        table.add_column(name, justify="left" if name == "part" else "right", no_wrap=True)
    for name, part in _parts(asset).items():
        degree = str(int(np.sqrt(part.sh.shape[1])) - 1)
        numbers = [_percentiles(values, form) for values, form in _shown(part)] if len(part) else ["", ""]
        table.add_row(name, f"{len(part):,}", degree, *numbers)
    return table


def _shown(part: Gaussians) -> Sequence[tuple[np.ndarray, str]]:
    return ((part.opacities, "{:.2f}"), (part.scales.max(1), "{:.2g}"))


def _percentiles(values: np.ndarray, form: str) -> str:
    return " ".join(form.format(value) for value in np.percentile(values, _PERCENTILES))


def _bounds(part: Gaussians) -> str:
    low, high = (" ".join(f"{x:.1f}" for x in end) for end in (part.means.min(0), part.means.max(0)))
    return f"from {low} to {high} m"


def _nodes_table(asset: SceneAsset) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("track", "kind", "count", "size (m)", "seen", "span (s)", "way (m)"):
        table.add_column(name, justify="left" if name in ("track", "kind") else "right", no_wrap=True)
    for node in asset.nodes:
        means = node.gaussians.means
        size = node.size if node.size is not None else np.ptp(means, axis=0) if len(means) else ()
        lengths = " ".join(f"{value:.1f}" for value in size)
        table.add_row(node.name, node.kind, f"{len(means):,}", lengths, *_motion(node.poses))
    return table


def _motion(poses: NodePoses | None) -> tuple[str, str, str]:
    """Poses when it was there of all, the time from the first to the last, and the way."""
    if poses is None:
        return ("no poses", "", "")
    way = np.linalg.norm(np.diff(poses.translations[poses.valid], axis=0), axis=1).sum()
    span = "static" if poses.is_static else "unknown"
    if poses.timestamps_us is not None and poses.valid.any():
        times = poses.timestamps_us[poses.valid]
        span = f"{(times[-1] - times[0]) / 1e6:.1f}"
    return (f"{int(poses.valid.sum())}/{len(poses)}", span, f"{way:.1f}")


def _placement(asset: SceneAsset) -> str:
    to_world = asset.asset_to_world
    turn = np.degrees(np.arccos(np.clip((np.trace(to_world[:3, :3]) - 1) / 2, -1, 1)))
    x, y, z = to_world[:3, 3]
    return f"moved by {x:.2f} {y:.2f} {z:.2f} m, turned by {turn:.1f} degrees"


def _checks_table(checks: Sequence[Check]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("check", "found", "expected", ""):
        table.add_column(name)
    for check in checks:
        verdict = "[green]passed[/green]" if check.passed else "[bold red]failed[/bold red]"
        table.add_row(check.name, check.found, check.expected, verdict)
    return table
