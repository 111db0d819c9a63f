"""A plain float64 rasteriser in gsplat 1.5.3's conventions: every Gaussian against every pixel, no culling."""

from __future__ import annotations

import numpy as np

from simscale_gym.splats.gaussians import Gaussians


def reference_rasterize(
    gaussians: Gaussians,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    width: int,
    height: int,
    *,
    near: float = 0.01,
    far: float = 1e10,
    eps2d: float = 0.3,
    antialiased: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns rgb `[C, H, W, 3]`, alpha `[C, H, W]` and expected depth `[C, H, W]`, float64."""
    images = [
        _one_camera(gaussians, view, K, width, height, near, far, eps2d, antialiased)
        for view, K in zip(np.asarray(viewmats, np.float64), np.asarray(Ks, np.float64), strict=True)
    ]
    return tuple(np.stack(image) for image in zip(*images, strict=True))


def _one_camera(gaussians, view, K, width, height, near, far, eps2d, antialiased):
    means = gaussians.means.astype(np.float64)
    opacities = gaussians.opacities.astype(np.float64)
    rotation, shift = view[:3, :3], view[:3, 3]
    in_camera = means @ rotation.T + shift
    depths = in_camera[:, 2]
    colours = np.maximum(sh_colour(means + rotation.T @ shift, gaussians.sh.astype(np.float64)) + 0.5, 0.0)
    transmittance, finished = np.ones((height, width)), np.zeros((height, width), bool)
    rgb, depth = np.zeros((height, width, 3)), np.zeros((height, width))
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    for g in np.argsort(depths, kind="stable"):
        if not near <= depths[g] <= far:
            continue
        covariance, mean = _splat(
            in_camera[g], rotation @ _covariance(gaussians, g) @ rotation.T, K, width, height
        )
        sharp = max(np.linalg.det(covariance), 0.0)
        covariance = covariance + eps2d * np.eye(2)
        blurred = np.linalg.det(covariance)
        if blurred <= 0.0:
            continue
        opacity = opacities[g] * (np.sqrt(sharp / blurred) if antialiased else 1.0)
        dx, dy = x - mean[0], y - mean[1]
        conic = np.linalg.inv(covariance)
        sigma = 0.5 * (conic[0, 0] * dx * dx + conic[1, 1] * dy * dy) + conic[0, 1] * dx * dy
        alpha = np.minimum(0.999, opacity * np.exp(-sigma))
        hit = (sigma >= 0.0) & (alpha >= 1.0 / 255.0) & ~finished
        left = transmittance * (1.0 - alpha)
        finished |= hit & (left <= 1e-4)
        hit &= left > 1e-4
        weight = np.where(hit, transmittance * alpha, 0.0)
        rgb += weight[..., None] * colours[g]
        depth += weight * depths[g]
        transmittance = np.where(hit, left, transmittance)
    alpha = 1.0 - transmittance
    return rgb, alpha, np.divide(depth, alpha, out=np.zeros_like(depth), where=alpha > 0.0)


def _covariance(gaussians: Gaussians, g: int) -> np.ndarray:
    w, x, y, z = gaussians.quats[g].astype(np.float64) / np.linalg.norm(gaussians.quats[g].astype(np.float64))
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    rotation = np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross
    return rotation @ np.diag(gaussians.scales[g].astype(np.float64) ** 2) @ rotation.T


def _splat(position, covariance, K, width, height):
    """EWA: 2D covariance without blur, and mean [px]."""
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    x, y, z = position
    tan_x, tan_y = 0.5 * width / fx, 0.5 * height / fy
    tx = z * min((width - cx) / fx + 0.3 * tan_x, max(-(cx / fx + 0.3 * tan_x), x / z))
    ty = z * min((height - cy) / fy + 0.3 * tan_y, max(-(cy / fy + 0.3 * tan_y), y / z))
    jacobian = np.array([[fx / z, 0.0, -fx * tx / z**2], [0.0, fy / z, -fy * ty / z**2]])
    return jacobian @ covariance @ jacobian.T, np.array([fx * x / z + cx, fy * y / z + cy])


def sh_colour(directions: np.ndarray, sh: np.ndarray) -> np.ndarray:
    """Colour without the offset, in the expanded polynomials of the original 3DGS code, `[N, 3]`."""
    x, y, z = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).T
    xx, yy, zz = x * x, y * y, z * z
    basis = [
        np.full_like(x, 0.28209479177387814),
        -0.4886025119029199 * y,
        0.4886025119029199 * z,
        -0.4886025119029199 * x,
        1.0925484305920792 * x * y,
        -1.0925484305920792 * y * z,
        0.31539156525252005 * (2.0 * zz - xx - yy),
        -1.0925484305920792 * x * z,
        0.5462742152960396 * (xx - yy),
        -0.5900435899266435 * y * (3.0 * xx - yy),
        2.890611442640554 * x * y * z,
        -0.4570457994644658 * y * (4.0 * zz - xx - yy),
        0.3731763325901154 * z * (2.0 * zz - 3.0 * xx - 3.0 * yy),
        -0.4570457994644658 * x * (4.0 * zz - xx - yy),
        1.445305721320277 * z * (xx - yy),
        -0.5900435899266435 * x * (xx - 3.0 * yy),
    ]
    return np.einsum("kn,nkc->nc", np.array(basis[: sh.shape[1]]), sh)
