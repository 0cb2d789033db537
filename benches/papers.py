"""Draws pages that benches/papers.rs has laid out, with ReportLab.

usage: papers.py PAGES.jsonl OUT.pdf SANS.ttf MONO.ttf

Each line of PAGES.jsonl is a page: width and height, and items in millimetres from the top left corner.
Says how many seconds the drawing took; reading the lines is not counted.
"""

import json
import sys
import time

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas


def draw(canvas, page):
    """Puts one page on the canvas."""
    height = page["height"]
    canvas.setPageSize((page["width"] * mm, height * mm))
    for item in page["items"]:
        kind = item["kind"]
        if kind == "text":
            canvas.setFont(item["font"], item["size"])
            canvas.drawString(item["x"] * mm, (height - item["y"]) * mm, item["text"])
        elif kind == "line":
            canvas.setLineWidth(item["thickness"] * mm)
            canvas.setDash([3, 3] if item["dashed"] else [])
            canvas.line(item["x"] * mm, (height - item["y"]) * mm, item["x2"] * mm, (height - item["y2"]) * mm)
        elif kind == "frame":
            canvas.setLineWidth(item["thickness"] * mm)
            canvas.setDash([])
            bottom = height - item["y"] - item["height"]
            canvas.rect(item["x"] * mm, bottom * mm, item["width"] * mm, item["height"] * mm)
        elif kind == "modules":
            side, module = item["side"], item["module"]
            for place, dark in enumerate(item["dark"]):
                if dark == "1":
                    x = item["x"] + place % side * module
                    y = item["y"] + (place // side + 1) * module
                    canvas.rect(x * mm, (height - y) * mm, module * mm, module * mm, stroke=0, fill=1)
    canvas.showPage()


def main():
    """Reads, draws, and says how long it took."""
    source, out, sans, mono = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        pages = [json.loads(line) for line in file]
    start = time.perf_counter()
    pdfmetrics.registerFont(TTFont("sans", sans))
    pdfmetrics.registerFont(TTFont("mono", mono))
    canvas = Canvas(out)
    for page in pages:
        draw(canvas, page)
    canvas.save()
    print(time.perf_counter() - start)


main()
