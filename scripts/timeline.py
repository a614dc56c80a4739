"""Draws the events of an `up --json` as a timeline: who waited for whom."""

import html

ROW = 18
LABEL = 430
WIDTH = 900


def svg(events):
    """An SVG of the operations, from events that each carry the second at which they came (`at`).

    A bar is an operation; a thin line leads to it from the last one that it waited for. Bars of the chain that
    determined the end are dark.
    """
    operations = {operation["operation"]: operation for operation in
                  next(event for event in events if event["event"] == "plan")["operations"]}
    begun = {event["operation"]: event["at"] for event in events if event["event"] == "operation-started"}
    ended = {event["operation"]: event["at"] for event in events
             if event["event"] in ("operation-finished", "operation-failed")}
    shown = sorted((number for number in ended if number in begun), key=lambda number: (begun[number], number))
    rows = {number: index for index, number in enumerate(shown)}
    blocker = {number: max((need for need in operations[number]["needs"] if need in ended),
                           key=ended.get, default=None) for number in shown}
    critical, last = set(), max(shown, key=ended.get, default=None)
    while last is not None:
        critical.add(last)
        last = blocker.get(last)

    first = min(begun.values(), default=0.0)
    span = max((ended[number] for number in shown), default=1.0) - first or 1.0

    def x(second):
        return LABEL + (second - first) / span * WIDTH

    height = (len(shown) + 2) * ROW
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + WIDTH + 80}" height="{height}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for tick in range(11):
        second = first + span * tick / 10
        parts.append(f'<line x1="{x(second):.1f}" x2="{x(second):.1f}" y1="{ROW}" y2="{height}" stroke="#eee"/>'
                     f'<text x="{x(second):.1f}" y="12" text-anchor="middle">{second - first:.1f} s</text>')
    for number in shown:
        top = (rows[number] + 1) * ROW
        resources = operations[number]["resources"]
        more = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
        label = html.escape(f'{operations[number]["action"]} {resources[0]["urn"]}{more}')
        colour = "#1f4e79" if number in critical else "#9dc3e6"
        parts.append(f'<text x="{LABEL - 6}" y="{top + 12}" text-anchor="end">{label}</text>')
        if blocker[number] is not None:
            before = (rows[blocker[number]] + 1) * ROW + ROW / 2
            parts.append(f'<path d="M{x(ended[blocker[number]]):.1f} {before} V{top + ROW / 2} '
                         f'H{x(begun[number]):.1f}" fill="none" stroke="{colour}" stroke-width="0.7"/>')
        wide = max(x(ended[number]) - x(begun[number]), 1.0)
        parts.append(f'<rect x="{x(begun[number]):.1f}" y="{top + 3}" width="{wide:.1f}" height="{ROW - 6}" '
                     f'fill="{colour}"><title>{label}: {ended[number] - begun[number]:.2f} s</title></rect>')
    parts.append("</svg>\n")
    return "\n".join(parts)
