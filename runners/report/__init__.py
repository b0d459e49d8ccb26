"""The report of a run: one HTML file with its figures, samples, curves and origin, and one that compares several.

report_of(folder, run, ..) -> Report         page_of(report) -> HTML         comparing_page(reports) -> HTML

A page holds all that it shows: pictures as data URIs, curves as SVG, no script, and a policy by which a browser loads
nothing from elsewhere. It tells no time of day: the same run gives the same page.
"""

from runners.report.comparison import Row, compared, labels_of
from runners.report.contents import Picture, Report, report_of
from runners.report.figures import Figure, Net, figures_of
from runners.report.page import comparing_page, page_of

__all__ = ["Figure", "Net", "Picture", "Report", "Row", "compared", "comparing_page", "figures_of", "labels_of",
           "page_of", "report_of"]  # fmt: skip
