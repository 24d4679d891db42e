"""Line charts, drawn at once as SVG and as PNG."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]


class Picture:
    """Everything drawn goes into both. Pixels, from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="15">'
        self._svg = [head, f'<rect width="{width}" height="{height}" fill="white"/>']
        self._image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self._image)
        self._font = ImageFont.truetype("DejaVuSans.ttf", 15)

    def text(self, x: float, y: float, words: str, colour: str = "#333333", anchor: str = "ls") -> None:
        """`anchor`: as Pillow has it, ls or rs: the left or the right end of the base line is at the point."""
        side = "end" if anchor == "rs" else "start"
        self._svg.append(f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}" text-anchor="{side}">{words}</text>')
        self._draw.text((x, y), words, colour, self._font, anchor=anchor)

    def line(self, points: list[Point], colour: str, thick: int) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        self._draw.line(points, colour, thick)

    def save(self, place: Path) -> None:
        """As PLACE.svg and PLACE.png."""
        place.with_suffix(".svg").write_text("\n".join([*self._svg, "</svg>\n"]))
        self._image.save(place.with_suffix(".png"), optimize=True)
