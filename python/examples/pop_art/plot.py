"""A line chart with a logarithmic axis and bands: SVG by hand, PNG by matplotlib."""

import math

COLOURS = ["#c0392b", "#2c6fbb", "#2e8b57", "#8e44ad"]


def write(path, series, step, title, xlabel, ylabel):
    """Draw `series`, {name: (middle, low, high)}, each list one value per `step` on the x axis.

    The suffix of `path` chooses the form: .svg is written here, .png needs matplotlib.
    """
    if path.endswith(".svg"):
        _write_svg(path, series, step, title, xlabel, ylabel)
    elif path.endswith(".png"):
        _write_png(path, series, step, title, xlabel, ylabel)
    else:
        raise ValueError("plot: the file name must end in .svg or .png, got %r" % path)


def _write_svg(path, series, step, title, xlabel, ylabel, width=760, height=440):
    left, right, top, bottom = 74, 20, 42, 52
    values = [v for lines in series.values() for line in lines for v in line if v > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    points = max(len(lines[0]) for lines in series.values())

    def x(i):
        return left + (width - left - right) * i / max(points - 1, 1)

    def y(value):
        place = (math.log10(max(value, 10**low)) - low) / (high - low)
        return height - bottom - (height - top - bottom) * place

    def path_of(line):
        return " ".join("%.1f,%.1f" % (x(i), y(v)) for i, v in enumerate(line))

    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">' % (width, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="24" font-size="16" text-anchor="middle">%s</text>' % (width // 2, title)]
    for power in range(low, high + 1):
        at = y(10**power)
        out.append('<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#dddddd"/>' % (left, width - right, at, at))
        out.append('<text x="%d" y="%.1f" text-anchor="end">%g</text>' % (left - 8, at + 4, 10**power))
    for part in range(6):
        i = (points - 1) * part / 5
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%d</text>' % (x(i), height - bottom + 20, round((i + 1) * step if part else 0)))
    for (name, (middle, under, over)), colour in zip(series.items(), COLOURS):
        band = path_of(under) + " " + " ".join(reversed(path_of(over).split(" ")))
        out.append('<polygon points="%s" fill="%s" fill-opacity="0.18"/>' % (band, colour))
    for k, ((name, (middle, _, _)), colour) in enumerate(zip(series.items(), COLOURS)):
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="1.3"/>' % (path_of(middle), colour))
        out.append('<rect x="%d" y="%d" width="22" height="4" fill="%s"/>' % (left + 14 + 110 * k, top + 8, colour))
        out.append('<text x="%d" y="%d">%s</text>' % (left + 42 + 110 * k, top + 14, name))
    out.append('<text x="%d" y="%d" text-anchor="middle">%s</text>' % (width // 2, height - 10, xlabel))
    out.append('<text transform="translate(18,%d) rotate(-90)" text-anchor="middle">%s</text>' % (height // 2, ylabel))
    out.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n")


def _write_png(path, series, step, title, xlabel, ylabel):
    try:
        import matplotlib
    except ImportError:
        raise RuntimeError("plot: a .png needs matplotlib; give a name ending in .svg instead") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.6))
    for (name, (middle, under, over)), colour in zip(series.items(), COLOURS):
        places = [step * (i + 1) for i in range(len(middle))]
        axes.fill_between(places, under, over, color=colour, alpha=0.18, linewidth=0)
        axes.plot(places, middle, color=colour, linewidth=1.1, label=name)
    axes.set(yscale="log", title=title, xlabel=xlabel, ylabel=ylabel)
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
