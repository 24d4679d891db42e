"""A terminal's SVG picture (as rich writes it) as PNG, cell by cell: no font has to have braille or box glyphs."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, ImageDraw, ImageFont

_SVG = "{http://www.w3.org/2000/svg}"
_CELL = 12.2  # rich draws 20 px letters 12.2 px apart
_FONTS = {False: "DejaVuSansMono.ttf", True: "DejaVuSansMono-Bold.ttf"}
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # column and row of each bit of a braille letter
_EIGHTHS = "▁▂▃▄▅▆▇█"
_STYLE = re.compile(r"\.([\w-]+) \{ fill: (#[0-9a-f]{6});?([^}]*)\}")
_AT = re.compile(r"translate\(([\d.]+), ?([\d.]+)\)")


def png(svg: str, path: Path) -> None:
    """Write the picture. Raises ValueError for an SVG that rich did not write."""
    root = ElementTree.fromstring(svg)
    styles = {name: (colour, "bold" in rest) for name, colour, rest in _STYLE.findall(svg)}
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    image = Image.new("RGB", (round(width), round(height)), "white")
    draw = ImageDraw.Draw(image)
    fonts = {bold: ImageFont.truetype(name, 20) for bold, name in _FONTS.items()}
    for element, x, y in _walk(root, 0.0, 0.0):
        if element.tag == f"{_SVG}rect" and element.get("fill"):
            left, top = x + _number(element, "x"), y + _number(element, "y")
            draw.rectangle((left, top, left + _number(element, "width"), top + _number(element, "height")), element.get("fill"))
        elif element.tag == f"{_SVG}circle":
            left, top, radius = x + _number(element, "cx"), y + _number(element, "cy"), _number(element, "r")
            draw.ellipse((left - radius, top - radius, left + radius, top + radius), element.get("fill"))
        elif element.tag == f"{_SVG}text":
            colour, bold = styles.get(element.get("class", ""), (element.get("fill", "#c5c8c6"), True))
            left, base = x + _number(element, "x"), y + _number(element, "y")
            text = element.text or ""
            left -= len(text) * _CELL / 2 if element.get("text-anchor") == "middle" else 0
            for index, letter in enumerate(text):
                _letter(draw, letter, left + index * _CELL, base, colour, fonts[bold])
    image.quantize(64).save(path, optimize=True)


def _walk(element: ElementTree.Element, x: float, y: float) -> list[tuple[ElementTree.Element, float, float]]:
    """All drawn elements with the place of their group."""
    found = []
    for child in element:
        if child.tag == f"{_SVG}defs":
            continue
        moved = _AT.search(child.get("transform", ""))
        left, top = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
        found += [(child, left, top), *_walk(child, left, top)]
    return found


def _number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "0"))


def _letter(draw: ImageDraw.ImageDraw, letter: str, x: float, base: float, colour: str, font: ImageFont.FreeTypeFont) -> None:
    if "\u2800" <= letter <= "\u28ff":
        bits = ord(letter) - 0x2800
        for bit, (column, row) in enumerate(_DOTS):
            if bits >> bit & 1:
                left, top = x + 2 + column * 6.1, base - 17.5 + row * 6.1
                draw.ellipse((left, top, left + 3, top + 3), colour)
    elif letter in _EIGHTHS:  # neighbours meet, as in a terminal
        draw.rectangle((x, base + 6.9 - 3.05 * (1 + _EIGHTHS.index(letter)), x + _CELL - 0.2, base + 6.9), colour)
    elif letter.strip("\xa0 "):
        draw.text((x, base), letter, colour, font, anchor="ls")
