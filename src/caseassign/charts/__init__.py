"""Pictures of what questions return: who held whom and when, how much everybody holds, where the audit finds things.

Each function takes results and returns a chart of altair, for a notebook, or for a file without any network::

    from caseassign import charts

    charts.timeline(casework.client_record("C1")).save("timeline.svg")

Nothing is asked of a store here. People are shown by their ids unless ``names=True`` asks for their names, for a
picture is what is passed on. Days are half-open, as everywhere: a bar ends where the first day begins that is no longer
in it. The colours can be told apart by people who do not see all of them, and none of them says anything alone. Needs
the extra ``charts``.
"""

from importlib.util import find_spec

if find_spec("altair") is None:
    raise ImportError("caseassign.charts needs altair: python -m pip install 'caseassign[charts]'")

from caseassign.charts.audits import findings
from caseassign.charts.one_user import caseload
from caseassign.charts.team import caseloads, caseloads_over_time
from caseassign.charts.timelines import timeline

__all__ = ["caseload", "caseloads", "caseloads_over_time", "findings", "timeline"]
