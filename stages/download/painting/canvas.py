"""Canvas on which a picture and its annotation are painted together, as a pinhole camera sees them.

Input: a random generator, a size in pixels, and shapes in metres above a ground plane. Output: an RGB picture and an L
annotation. Invariant: one call paints a shape into both, so edges and occlusion agree. Both are painted at twice their
size; then the picture is averaged (smooth edges) and the annotation sampled (crisp edges).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from stages.download.painting.kinds import TEXTURES, Kind

Point = tuple[float, float, float]  # metres: to the right of the camera, above the ground, ahead
Color = tuple[float, float, float]  # RGB, 0..255, in white light
FAR = 4000.0  # metres: too far to be told from the horizon
SENSOR_NOISE = 6  # peak to peak, of 255

# Times of day: colour of the zenith, colour of the horizon, and the light on things (gain per channel).
LIGHTS: tuple[tuple[Color, Color, Color], ...] = (
    ((62, 120, 200), (188, 216, 240), (1.0, 1.0, 0.97)),  # noon
    ((104, 146, 196), (250, 224, 190), (1.0, 0.94, 0.85)),  # morning
    ((78, 74, 128), (250, 166, 108), (0.88, 0.72, 0.66)),  # evening
    ((150, 158, 170), (214, 218, 222), (0.86, 0.88, 0.92)),  # overcast
)


class Canvas:
    """Picture and annotation, at first of bare sky: paint the ground, place things with `stand`, then `finish`."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.rng, self.width, self.height = rng, width, height
        self.horizon = height * rng.uniform(0.36, 0.5)  # row
        self.vanish = width * rng.uniform(0.38, 0.62)  # column straight ahead
        self.focal = 0.8 * math.sqrt(width * height)  # pixels
        self.eye = rng.uniform(2.3, 3.2)  # metres above the ground
        self.sun_right = rng.random() < 0.5
        self.zenith, self.haze, self.light = LIGHTS[rng.integers(len(LIGHTS))]
        self._picture = self._sky()
        self._annotation = Image.new("L", self._picture.size, Kind.SKY)
        self._paint = ImageDraw.Draw(self._picture)
        self._glaze = ImageDraw.Draw(self._picture, "RGBA")
        self._label = ImageDraw.Draw(self._annotation)
        self._standing: list[tuple[float, Callable[[], None]]] = []

    def finish(self) -> tuple[Image.Image, Image.Image]:
        """Draw all standing things from far to near, add texture, and return picture (RGB) and annotation (L)."""
        for _, draw in sorted(self._standing, key=lambda thing: -thing[0]):
            draw()
        kinds = np.asarray(self._annotation)[::2, ::2]  # [H,W]
        grain, blotches, streaks, paleness = (strength.take(kinds) for strength in TEXTURES.T)  # [H,W] each
        noise = self._noise(1, 1, kinds.shape)
        gain = 1 + grain * noise
        gain += blotches * (self._noise(9, 9, kinds.shape) + self._noise(4, 4, kinds.shape))
        gain += streaks * self._noise(28, 3, kinds.shape)
        rows = np.arange(self.height, dtype=np.float32)[:, None]
        pale = paleness * np.clip((self.height - rows) / (self.height - self.horizon), 0, 1) ** 4
        rgb = np.asarray(self._picture.reduce(2)).astype(np.float32)  # [H,W,3]
        rgb *= (gain * (1 - pale))[..., None]
        rgb += pale[..., None] * np.asarray(self.haze, np.float32) + (SENSOR_NOISE * noise)[..., None]
        return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)), self._overlook(Image.fromarray(kinds))

    def pick(self, colors: Sequence[Color]) -> Color:
        """Pick one of the colours and vary its brightness and hue a little."""
        red, green, blue = colors[int(self.rng.integers(len(colors)))]
        bright, warm = self.rng.uniform(0.88, 1.12), self.rng.uniform(0.95, 1.05)
        return red * bright * warm, green * bright, blue * bright / warm

    def spot(self, nearest: float, farthest: float) -> tuple[float, float]:
        """Pick a place (x, z) on the ground in the camera's view."""
        z = self.rng.uniform(nearest, farthest)
        return z * (self.width * self.rng.uniform(0.05, 0.95) - self.vanish) / self.focal, z

    def stand(self, depth: float, draw: Callable[..., None], *args: float) -> None:
        """Schedule `draw(canvas, *args)` for `finish`, which draws the greatest depth (metres) first."""
        self._standing.append((depth, partial(draw, self, *args)))

    # ---- shapes; a shape without a kind is a detail, which leaves the annotation as it is ----

    def shape(self, points: Sequence[Point], color: Color, kind: Kind | None = None) -> None:
        """Draw a polygon."""
        flat = [self._project(point) for point in points]
        self._paint.polygon(flat, self._lit(color, points[0][2]))
        if kind is not None:
            self._label.polygon(flat, kind)

    def disc(self, center: Point, radius_x: float, radius_y: float, color: Color, kind: Kind | None = None) -> None:
        """Draw an upright ellipse, radii in metres."""
        x, y = self._project(center)
        scale = 2 * self.focal / center[2]
        box = (x - radius_x * scale, y - radius_y * scale, x + radius_x * scale, y + radius_y * scale)
        self._paint.ellipse(box, self._lit(color, center[2]))
        if kind is not None:
            self._label.ellipse(box, kind)

    def panel(
        self, left: float, right: float, low: float, high: float, z: float, color: Color, kind: Kind | None = None
    ) -> None:
        """Draw an upright rectangle that faces the camera."""
        self.shape(((left, low, z), (right, low, z), (right, high, z), (left, high, z)), color, kind)

    def slab(self, left: float, right: float, near: float, far: float, color: Color, kind: Kind | None = None) -> None:
        """Draw a rectangle on the ground."""
        self.shape(((left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)), color, kind)

    def block(
        self, left: float, right: float, low: float, high: float, near: float, far: float, color: Color, kind: Kind
    ) -> None:
        """Draw a box: its top if below the eye, its visible flank, its front."""
        if high < self.eye:
            top = ((left, high, near), (right, high, near), (right, high, far), (left, high, far))
            self.shape(top, shaded(color, 1.12), kind)
        if flank := self.flank(left, right):
            x, shade = flank
            self.shape(((x, low, near), (x, high, near), (x, high, far), (x, low, far)), shaded(color, shade), kind)
        self.panel(left, right, low, high, near, shaded(color, 0.86), kind)

    def flank(self, left: float, right: float) -> tuple[float, float] | None:
        """Return the visible flank of a box as (x, shade); None if the box is straight ahead."""
        if left > 0:
            return left, 0.68 if self.sun_right else 1.0
        return (right, 1.0 if self.sun_right else 0.68) if right < 0 else None

    def shadow(self, x: float, z: float, radius: float) -> None:
        """Draw a soft shadow on the ground."""
        (left, top), (right, low) = self._project((x - radius, 0, z + radius / 2)), self._project((x + radius, 0, z))
        self._glaze.ellipse((left, top, max(right, left), max(low, top)), (10, 15, 30, 80))

    # ---- projection, light and texture ----

    def _project(self, point: Point) -> tuple[float, float]:
        """Return column and row, at twice the size."""
        x, y, z = point
        z = max(z, 0.7)  # shapes that reach behind the camera are cut just in front of it
        return 2 * (self.vanish + self.focal * x / z), 2 * (self.horizon + self.focal * (self.eye - y) / z)

    def _lit(self, color: Color, z: float) -> tuple[int, int, int]:
        """Return the colour in this light, through `z` metres of air."""
        air = z / (z + 350)
        mixed = (c * gain * (1 - air) + haze * air for c, gain, haze in zip(color, self.light, self.haze, strict=True))
        red, green, blue = (min(max(int(channel), 0), 255) for channel in mixed)
        return red, green, blue

    def _noise(self, cell_x: float, cell_y: float, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return smooth noise with bumps of about cell_x x cell_y pixels: float32 [H,W], -0.5..0.5."""
        height, width = shape
        grid = self.rng.random((max(2, int(height / cell_y)), max(2, int(width / cell_x))), np.float32) - 0.5
        return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BILINEAR))

    def _sky(self) -> Image.Image:
        """Return a gradient behind clouds, at twice the size; drawn at half the size, as it has no sharp edges."""
        high = self.height // 2
        shape = (high, self.width // 2)
        bumps = self._noise(high / 3, high / 8, shape) + 0.6 * self._noise(high / 8, high / 20, shape)
        bumps += 0.25 * self._noise(6, 3, shape)
        cover = np.clip(4 * bumps - self.rng.uniform(-0.4, 1.0), 0, 0.85)[..., None]  # [h,w,1]
        down = np.clip(2 * np.arange(high, dtype=np.float32) / self.horizon, 0, 1)[:, None, None]  # [h,1,1]
        clear = np.asarray(self.zenith, np.float32) * (1 - down) + np.asarray(self.haze, np.float32) * down  # [h,1,3]
        sky = clear * (1 - cover) + 250 * np.asarray(self.light, np.float32) * cover
        size = (2 * self.width, 2 * self.height)
        return Image.fromarray(sky.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)

    def _overlook(self, annotation: Image.Image) -> Image.Image:
        """Set a few spots of the annotation to 'other', as annotators leave them."""
        spots = ImageDraw.Draw(annotation)
        for _ in range(self.rng.integers(1, 5)):
            x, y = self.rng.uniform(0, self.width), self.rng.uniform(0, self.height)
            spots.ellipse((x, y, x + self.rng.uniform(6, 24), y + self.rng.uniform(4, 16)), Kind.OTHER)
        return annotation


def shaded(color: Color, factor: float) -> Color:
    """Return the colour, darker or lighter."""
    return color[0] * factor, color[1] * factor, color[2] * factor
