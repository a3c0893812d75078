"""The command line: ``python -m martlet run|compare|record|profile``."""
import sys


def _parser():
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m martlet", description="Runs PyTorch programs on Martlet, compares what both print, and shows where time goes."
    )
    parser.add_argument("--version", action="store_true", help="print Martlet's version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    run = commands.add_parser(
        "run", help="run an unmodified PyTorch script on Martlet",
        description="Runs FILE as python would, with torch and higher resolving to Martlet.",
    )
    run.add_argument("file", metavar="FILE", help="the script")
    run.add_argument("args", nargs=argparse.REMAINDER, metavar="ARGS", help="its arguments")

    compare = commands.add_parser(
        "compare", help="run a script on Martlet and on PyTorch and compare the outputs", allow_abbrev=False,
        usage="python -m martlet compare FILE [--rtol R] [--python PATH | --recorded OUT] [--quiet] [ARGS ...]",
        description="Runs FILE on Martlet and on PyTorch, prints both outputs side by side and what differs between "
        "them. Other arguments go to the script, and so does everything after --. Exit status: 0 where lines differ by "
        "rounding at most, 1 where they differ by more, 2 where the comparison could not be made.",
        epilog="Marks between the columns: ~ equal but for rounding, ! different, < only on Martlet, > only on PyTorch.",
    )
    compare.add_argument("file", metavar="FILE", help="the script")
    compare.add_argument(
        "--rtol", type=float, default=1e-4, metavar="R",
        help="numbers count as equal but for rounding within R times the largest number in the same tensor (or line), "
        "or within one unit of the last of four or more printed decimals; 1e-4 by default",
    )
    compare.add_argument("--python", metavar="PATH", help="a Python that has PyTorch; by default this one")
    compare.add_argument("--recorded", metavar="OUT", help="an output of the record command, in place of PyTorch")
    compare.add_argument("--quiet", action="store_true", help="print lines that are not identical only")

    record = commands.add_parser(
        "record", help="keep what a script prints on PyTorch, for compare --recorded", allow_abbrev=False,
        usage="python -m martlet record FILE -o OUT [--python PATH] [ARGS ...]",
        description="Runs FILE on PyTorch and writes its output to OUT under a header that names the version.",
    )
    record.add_argument("file", metavar="FILE", help="the script")
    record.add_argument("-o", "--output", required=True, metavar="OUT", help="where to write")
    record.add_argument("--python", metavar="PATH", help="a Python that has PyTorch; by default this one")

    profile = commands.add_parser(
        "profile", help="run a script on Martlet and show where its time goes", allow_abbrev=False,
        usage="python -m martlet profile [--top N] [--sort KEY] [--nodes] [--trace OUT] FILE [ARGS ...]",
        description="Runs FILE as the run command does, then prints time, calls, bytes and floating point operations by "
        "operation and by line of the program. Bytes are those of operands and results, 0 for a view. Taking notes costs "
        "a few microseconds a call, which count as Python's.",
    )
    profile.add_argument("--top", type=int, default=20, metavar="N", help="lines of each table; 20 by default")
    profile.add_argument(
        "--sort", choices=("time", "calls", "bytes", "flops"), default="time", help="what the tables are sorted by; time by default")
    profile.add_argument("--nodes", action="store_true", help="show each kind of step of the way back; slower")
    profile.add_argument("--trace", metavar="OUT", help="write every call to OUT, for chrome://tracing or Perfetto")
    profile.add_argument("file", metavar="FILE", help="the script")
    profile.add_argument("args", nargs=argparse.REMAINDER, metavar="ARGS", help="its arguments")
    return parser


def main(argv=None):
    """Runs one command; returns the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    own, rest = argv, []
    if argv[:1] not in (["run"], ["profile"]) and "--" in argv:
        cut = argv.index("--")
        own, rest = argv[:cut], argv[cut + 1:]
    options, extra = parser.parse_known_args(own)
    if options.version:
        import martlet

        print("martlet", martlet.__version__)
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    if options.command == "run":
        from ._run import run_file

        return run_file(options.file, extra + options.args)
    if options.command == "profile":
        from . import _profile

        return _profile.run(options, extra + options.args)
    from . import _compare

    try:
        if options.command == "compare":
            return _compare.compare(options, extra + rest)
        return _compare.record(options, extra + rest)
    except _compare.Problem as problem:
        print("martlet {}: {}".format(options.command, problem), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
