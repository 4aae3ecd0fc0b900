"""PowerPoint presentations (pptx): a page for each slide, its notes after it."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from knowledge.readers.archive import open_archive, title_of_office
from knowledge.readers.draft import Draft

DEPTH = 40  # groups in groups


def read(data: bytes, _: str, draft: Draft) -> None:
    with open_archive(data, draft.limits) as archive:
        draft.title = title_of_office(archive)
    presentation = Presentation(BytesIO(data))
    draft.count_pages(len(presentation.slides), "slides")
    for number, slide in enumerate(presentation.slides, start=1):
        draft.page = number
        draft.leave_headings(1)
        _add_slide(slide, draft)


def _add_slide(slide: Any, draft: Draft) -> None:
    before = draft.block_count
    title = slide.shapes.title
    if title is not None:
        draft.heading(title.text_frame.text, 1)
    for shape in _flat(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            _add_shape(shape, draft)
    draft.end_list()
    has_pictures = len(slide.shapes) > 0
    if draft.block_count == before and has_pictures:
        draft.pages_without_text.append(draft.page or 0)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        draft.paragraph(notes.text)


def _flat(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    if depth > DEPTH:
        raise RecursionError
    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _flat(shape.shapes, depth + 1)
        else:
            yield shape


def _add_shape(shape: Any, draft: Draft) -> None:
    if shape.has_text_frame:
        paragraphs = [p for p in shape.text_frame.paragraphs if p.text.strip()]
        for paragraph in paragraphs:
            if len(paragraphs) > 1 or paragraph.level:
                draft.item(paragraph.text, paragraph.level)
            else:
                draft.paragraph(paragraph.text)
        draft.end_list()
    elif getattr(shape, "has_table", False) and shape.has_table:
        header = True if shape.table.first_row else None
        draft.table(([cell.text for cell in row.cells] for row in shape.table.rows), header=header)
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        _add_chart(shape.chart, draft)


def _add_chart(chart: Any, draft: Draft) -> None:
    if chart.has_title and chart.chart_title.has_text_frame:
        draft.paragraph(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        series = list(plot.series)
        rows = [["", *(one.name for one in series)]]
        for index, category in enumerate(plot.categories):
            values = (one.values[index] if index < len(one.values) else None for one in series)
            rows.append([str(category), *("" if v is None else f"{v:g}" for v in values)])
        draft.table(rows, header=True)
