import MartletKernels
import Synchronization

/// How tensors are turned into text; torch's `set_printoptions`.
public struct PrintOptions: Sendable, Equatable {
    /// Digits after the point.
    public var precision = 4
    /// Tensors with more elements are summarized.
    public var threshold = 1000
    /// Elements shown at each end of a summarized dimension.
    public var edgeItems = 3
    /// Characters per line.
    public var lineWidth = 80
    /// Scientific notation always or never; nil decides by the values.
    public var sciMode: Bool?

    public init() {}

    private static let shared = Mutex(PrintOptions())

    /// The options of the process.
    public static var current: PrintOptions {
        get { shared.withLock { $0 } }
        set { shared.withLock { $0 = newValue } }
    }
}

extension Tensor: CustomStringConvertible {
    /// The tensor as torch prints it, e.g. `tensor([1., 2.], grad_fn=<MulBackward0>)`.
    public var description: String { formatted() }

    /// The tensor as torch prints it.
    ///
    /// - Parameters:
    ///   - prefix: what stands before the elements; its length is the indent of later lines.
    ///   - options: nil takes the options of the process.
    public func formatted(prefix: String = "tensor(", options: PrintOptions? = nil) -> String {
        if Tape.isRecording { Tape.refuseLater("printing a tensor") }
        let options = options ?? .current
        let indent = prefix.unicodeScalars.count
        var suffixes: [String] = []
        var text = prefix
        if let entries {
            let (indices, values) = (entries.indices, entries.values)
            suffixes += ["size=\(sizes.tupleText)", "nnz=\(values.sizes[0])"]
            if !dtype.isQuiet { suffixes.append("dtype=torch.\(dtype.name)") }
            let (first, second) = ("indices=tensor(", "values=tensor(")
            text += first + indices.body(indent: indent + first.count, options) + indices.emptySize + "),\n"
            text += String(repeating: " ", count: indent) + second
            text += values.body(indent: indent + second.count, options) + values.emptySize + ")"
            suffixes.append("layout=torch.sparse_coo")
        } else {
            if numel == 0 {
                if rank != 1 { suffixes.append("size=\(sizes.tupleText)") }
                if dtype != .defaultFloat { suffixes.append("dtype=torch.\(dtype.name)") }
            } else if !dtype.isQuiet {
                suffixes.append("dtype=torch.\(dtype.name)")
            }
            text += body(indent: indent, options)
        }
        if let node = gradFn {
            suffixes.append("grad_fn=<\(node.shortName)>")
        } else if requiresGrad {
            suffixes.append("requires_grad=True")
        }
        appendSuffixes(&text, suffixes, indent: indent, options, startNewLine: isSparse)
        return text
    }

    /// Adds the properties after the elements, each on the same line where it fits, and the closing parenthesis.
    private func appendSuffixes(
        _ text: inout String, _ suffixes: [String], indent: Int, _ options: PrintOptions, startNewLine: Bool
    ) {
        var startNewLine = startNewLine
        let scalars = text.unicodeScalars
        let lastLine = scalars.distance(
            from: scalars.lastIndex(of: "\n").map(scalars.index(after:)) ?? scalars.startIndex, to: scalars.endIndex)
        var length = lastLine + 2
        for s in suffixes {
            if startNewLine || length + s.unicodeScalars.count + 2 > options.lineWidth {
                text += ",\n" + String(repeating: " ", count: indent) + s
                length = indent + s.unicodeScalars.count
                startNewLine = false
            } else {
                text += ", " + s
                length += s.unicodeScalars.count + 2
            }
        }
        text += ")"
    }

    /// `, size=(2, 0)` for the empty parts of a sparse tensor.
    private var emptySize: String { numel == 0 ? ", size=\(sizes.tupleText)" : "" }

    /// The elements in brackets.
    func body(indent: Int, _ options: PrintOptions) -> String {
        if numel == 0 { return "[]" }
        let layout = BodyLayout(self, options)
        var text = ""
        layout.append(to: &text, position: offset, dimension: 0, indent: indent)
        withExtendedLifetime(self) {}
        return text
    }
}

/// Lays out the elements of one tensor.
private struct BodyLayout {
    let tensor: Tensor
    let options: PrintOptions
    let summarize: Bool
    let cells: CellFormat

    init(_ tensor: Tensor, _ options: PrintOptions) {
        self.tensor = tensor
        self.options = options
        summarize = tensor.numel > options.threshold
        cells = CellFormat(tensor, options, positions: BodyLayout.visible(tensor, options, summarize))
    }

    /// Whether a dimension is shown in part.
    private func isCut(_ size: Int) -> Bool { summarize && size > 2 * options.edgeItems }

    /// The indices along a dimension that are shown.
    private static func shown(_ size: Int, _ options: PrintOptions, _ summarize: Bool) -> [Int] {
        let edge = options.edgeItems
        if !summarize || size <= 2 * edge { return Array(0..<size) }
        return Array(0..<edge) + Array(size - edge..<size)
    }

    /// Storage positions of the elements that are shown.
    private static func visible(_ t: Tensor, _ options: PrintOptions, _ summarize: Bool) -> [Int] {
        var positions = [t.offset]
        for d in 0..<t.rank {
            let steps = shown(t.sizes[d], options, summarize).map { $0 * t.strides[d] }
            positions = positions.flatMap { p in steps.map { p + $0 } }
        }
        return positions
    }

    func append(to text: inout String, position: Int, dimension d: Int, indent: Int) {
        if d == tensor.rank {
            text += cells.text(position)
            return
        }
        let (size, stride) = (tensor.sizes[d], tensor.strides[d])
        let shown = BodyLayout.shown(size, options, summarize)
        let isInnermost = d == tensor.rank - 1
        // Cells per line; rows of an outer dimension stand on lines of their own.
        let perLine = isInnermost ? max(1, (options.lineWidth - indent) / (cells.width + 2)) : 1
        let newLine =
            String(repeating: "\n", count: max(1, tensor.rank - 1 - d)) + String(repeating: " ", count: indent + 1)
        var count = 0
        func separate() {
            if count > 0 {
                text += ","
                text += isInnermost && count % perLine != 0 ? " " : newLine
            }
            count += 1
        }
        text += "["
        for (k, i) in shown.enumerated() {
            if isCut(size) && k == options.edgeItems {
                separate()
                text += isInnermost ? " ..." : "..."
            }
            separate()
            append(to: &text, position: position + i * stride, dimension: d + 1, indent: indent + 1)
        }
        if isCut(size) && options.edgeItems == 0 { text += isInnermost ? " ..." : "..." }
        text += "]"
    }
}

/// The form of one element, decided by all elements that are shown.
private struct CellFormat {
    private enum Style { case integer, whole, fixed, scientific }
    private let tensor: Tensor
    private let precision: Int
    private let style: Style
    private(set) var width = 1

    init(_ tensor: Tensor, _ options: PrintOptions, positions: [Int]) {
        self.tensor = tensor
        precision = options.precision
        if !tensor.dtype.isFloatingPoint {
            style = .integer
            for p in positions { width = max(width, CellFormat.integerText(tensor, p).utf8.count) }
            return
        }
        // Zeros, infinities and NaN have no say, not even in the width.
        let values = positions.map(tensor.readDouble(at:)).filter { $0.isFinite && $0 != 0 }
        var (smallest, largest) = (Double.infinity, 0.0)
        for v in values { (smallest, largest) = (min(smallest, abs(v)), max(largest, abs(v))) }
        let isWide = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4
        if values.isEmpty {
            style = .whole
        } else if options.sciMode ?? isWide {
            style = .scientific
        } else {
            style = values.allSatisfy { $0 == $0.rounded(.up) } ? .whole : .fixed
        }
        for v in values { width = max(width, floatText(v).utf8.count) }
    }

    /// The element at a storage position, right-aligned.
    func text(_ position: Int) -> String {
        let s = style == .integer ? CellFormat.integerText(tensor, position) : floatText(tensor.readDouble(at: position))
        return String(repeating: " ", count: max(0, width - s.utf8.count)) + s
    }

    private static func integerText(_ t: Tensor, _ position: Int) -> String {
        let v = t.readInt64(at: position)
        return t.dtype == .bool ? (v == 0 ? "False" : "True") : String(v)
    }

    private func floatText(_ v: Double) -> String {
        if v.isNaN { return "nan" }
        if v.isInfinite { return v < 0 ? "-inf" : "inf" }
        switch style {
        case .scientific: return printed(v, "e", precision)
        case .whole, .integer: return printed(v, "f", 0) + "."
        case .fixed: return printed(v, "f", precision)
        }
    }

    private func printed(_ v: Double, _ style: Unicode.Scalar, _ precision: Int) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 340 + max(0, precision)) { p in
            let n = mk_format_double(p.baseAddress!, p.count, CChar(UInt8(ascii: style)), Int32(precision), v)
            return String(decoding: UnsafeRawBufferPointer(start: p.baseAddress!, count: Int(n)), as: UTF8.self)
        }
    }
}

extension DType {
    /// Whether a tensor with elements prints without its dtype.
    fileprivate var isQuiet: Bool { self == .defaultFloat || self == .int64 || self == .bool }
}

extension Node {
    /// The name without the C++ namespace.
    fileprivate var shortName: Substring { name.split(separator: ":").last ?? "" }
}

extension Dims {
    /// Python's text of a tuple: `()`, `(2,)`, `(2, 3)`.
    var tupleText: String { count == 1 ? "(\(self[0]),)" : "(" + map(String.init).joined(separator: ", ") + ")" }
}
