"""Draws a test storm with the server's 24-hour forecasts as SVG: the track on a map, and the wind against time.

    python plot_track.py --url http://127.0.0.1:8080 --replies replies.jsonl   asks the server, then draws
    python plot_track.py --replies replies.jsonl                               draws what was answered before

The replies are JSON lines as the server sent them, in the order of the fixes: of one step each (a stream) or of many."""
import argparse
import json
import math
import sys
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "recipes"))  # what recipes share

from data import CLASS_OF, CLASSES, SPLITS, STATUSES, load
from files import step

WIDTH, MAP_HEIGHT, WIND_HEIGHT, EDGE = 900, 410, 190, 56
COLOURS = {"depression": "#5b8db8", "storm": "#2f9e62", "hurricane": "#c9372c", "extratropical": "#7d5ba6", "low": "#8a8a8a"}
CSS = ("text{font:13px system-ui,sans-serif;fill:#222}.small{font-size:11px;fill:#666}.grid{stroke:#e3e8ee}"
       ".box{fill:#e07b1a;fill-opacity:.13;stroke:#e07b1a;stroke-opacity:.45}.path{stroke:#e07b1a;stroke-width:1.6;stroke-dasharray:4 3}"
       ".miss{stroke:#999;stroke-dasharray:1 3}")


def ask(url, storm, replies):
    """One fix per line would do as well from a stream; here the whole storm is sent at once, which gives the same bits."""
    body = json.dumps({"sequences": [[step(row, by_name=True) for row in storm.steps]]}).encode()
    request = urllib.request.Request(f"{url}/v1/models/storms/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        replies.write_bytes(answer.read().strip() + b"\n")


def forecasts(replies):
    """One {head: answer} a fix."""
    found = []
    for line in filter(None, map(str.strip, replies.read_text().splitlines())):
        reply = json.loads(line)
        heads = (reply["predictions"][0] if "predictions" in reply else reply)["heads"]
        steps = {name: head["steps"] for name, head in heads.items()}
        found += [dict(zip(steps, row)) for row in zip(*steps.values())]
    return found


def tag(name, text=None, **attributes):
    written = "".join(f' {k.rstrip("_").replace("_", "-")}="{round(v, 1) if isinstance(v, float) else v}"' for k, v in attributes.items())
    return f"<{name}{written}/>" if text is None else f"<{name}{written}>{text}</{name}>"


def line(a, b, class_):
    return tag("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_=class_)


def draw_map(storm, answers, every):
    lat, long = storm.steps[:, 0].tolist(), storm.steps[:, 1].tolist()
    shown = list(range(4, len(lat) - 4, every))
    boxes = [answers[i] for i in shown]
    south = min(lat + [a["lat"]["lower"] for a in boxes]) - 1.5
    north = max(lat + [a["lat"]["upper"] for a in boxes]) + 1.5
    west = min(long + [a["long"]["lower"] for a in boxes]) - 2
    east = max(long + [a["long"]["upper"] for a in boxes]) + 2
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = min((WIDTH - 2 * EDGE) / ((east - west) * squeeze), MAP_HEIGHT / (north - south))
    left = (WIDTH - (east - west) * squeeze * scale) / 2

    def at(lat, long):
        return left + (long - west) * squeeze * scale, EDGE + (north - lat) * scale

    out = []
    for degree in range(math.ceil(west / 10) * 10, int(east) + 1, 10):
        out += [line(at(south, degree), at(north, degree), "grid"),
                tag("text", f"{abs(degree)}° W", x=at(south, degree)[0], y=EDGE + MAP_HEIGHT + 14.0, class_="small", text_anchor="middle")]
    for degree in range(math.ceil(south / 10) * 10, int(north) + 1, 10):
        out += [line(at(degree, west), at(degree, east), "grid"),
                tag("text", f"{degree}° N", x=at(degree, west)[0] - 6, y=at(degree, west)[1] + 4, class_="small", text_anchor="end")]
    for i, a in zip(shown, boxes):
        x1, y1 = at(a["lat"]["upper"], a["long"]["lower"])
        x2, y2 = at(a["lat"]["lower"], a["long"]["upper"])
        there = at(a["lat"]["value"], a["long"]["value"])
        out += [tag("rect", x=x1, y=y1, width=x2 - x1, height=y2 - y1, class_="box"), line(at(lat[i], long[i]), there, "path"),
                line(there, at(lat[i + 4], long[i + 4]), "miss"), tag("circle", cx=there[0], cy=there[1], r=4, fill="#e07b1a")]
    out.append(tag("polyline", points=" ".join("{:.1f},{:.1f}".format(*at(*p)) for p in zip(lat, long)), fill="none", stroke="#444"))
    for i, place in enumerate(zip(lat, long)):
        x, y = at(*place)
        r = 4.5 if i in shown else 2.2
        colour = COLOURS[CLASSES[CLASS_OF[STATUSES[int(storm.steps[i, 4])]]]]
        out.append(tag("circle", cx=x, cy=y, r=r, fill=colour, stroke="#222" if i in shown else "none"))
        if i in shown:
            out.append(tag("text", f"{storm.times[i]:%d %b}", x=x, y=y + 19, class_="small", text_anchor="middle"))
    return out


def draw_wind(storm, answers):
    wind = storm.steps[:, 2].tolist()
    top, bottom, count = EDGE + MAP_HEIGHT + 60, EDGE + MAP_HEIGHT + 60 + WIND_HEIGHT, len(wind) - 1
    limit = math.ceil(max(wind + [a["wind"]["upper"] for a in answers[:-4]]) / 20) * 20

    def at(i, knots):
        return EDGE + i / count * (WIDTH - 2 * EDGE), bottom - knots / limit * WIND_HEIGHT

    def points(rows):
        return " ".join("{:.1f},{:.1f}".format(*at(i, v)) for i, v in rows)

    later = [(i + 4, answers[i]["wind"]) for i in range(len(answers) - 4)]
    band = [(i, w["lower"]) for i, w in later] + [(i, w["upper"]) for i, w in reversed(later)]
    out = []
    for knots in range(0, limit + 1, 40):
        out += [line(at(0, knots), at(count, knots), "grid"),
                tag("text", str(knots), x=EDGE - 6, y=at(0, knots)[1] + 4, class_="small", text_anchor="end")]
    for i, time in enumerate(storm.times):
        if time.hour == 0 and time.day % 2 == 0:
            out.append(tag("text", f"{time:%d %b}", x=at(i, 0)[0], y=bottom + 16.0, class_="small", text_anchor="middle"))
    out += [tag("polygon", points=points(band), class_="box"),
            tag("polyline", points=points([(i, w["value"]) for i, w in later]), fill="none", stroke="#e07b1a", stroke_width=1.8),
            tag("polyline", points=points(enumerate(wind)), fill="none", stroke="#222", stroke_width=1.8),
            tag("text", "Wind in knots: observed (black), forecast 24 hours before (orange) and its 80 % interval", x=EDGE, y=top - 12.0)]
    return out


def main():
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here, help="folder of storms.csv.gz")
    parser.add_argument("--storm", default="Florence")
    parser.add_argument("--year", type=int, default=2018)
    parser.add_argument("--url", help="a server to ask")
    parser.add_argument("--replies", type=Path, required=True, help="JSON lines of the server's replies; written if --url is given")
    parser.add_argument("--every", type=int, default=6, help="forecasts drawn on the map: one every so many fixes")
    parser.add_argument("--out", type=Path, default=here.parents[2] / "docs" / "storm-track.svg")
    args = parser.parse_args()
    first, last = SPLITS["test"]
    if not first <= args.year <= last:
        raise SystemExit(f"the year must be in the test split, {first} to {last}")
    storm = max((s for s in load(args.data)["test"] if s.name == args.storm and s.times[0].year == args.year), key=lambda s: len(s.steps))
    if args.url:
        ask(args.url, storm, args.replies)
    answers = forecasts(args.replies)
    if len(answers) != len(storm.steps):
        raise SystemExit(f"{len(answers)} replies for {len(storm.steps)} fixes")
    legend = []
    for i, (name, colour) in enumerate(COLOURS.items()):
        legend += [tag("circle", cx=EDGE + 6 + 112 * i, cy=EDGE - 10, r=4, fill=colour), tag("text", name, x=EDGE + 15 + 112 * i, y=EDGE - 6, class_="small")]
    title = f"{args.storm} {args.year}: observed track, and forecasts for 24 hours later with 80 % intervals (orange). Not for safety decisions."
    height = EDGE + MAP_HEIGHT + WIND_HEIGHT + 90
    parts = [tag("style", CSS), tag("rect", width=WIDTH, height=height, fill="#fff"), tag("text", title, x=EDGE, y=28),
             *legend, *draw_map(storm, answers, args.every), *draw_wind(storm, answers)]
    args.out.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">\n<title>{title}</title>\n'
                        + "\n".join(parts) + "\n</svg>\n")
    print(f"wrote {args.out.name}: {len(answers)} forecasts")


if __name__ == "__main__":
    main()
