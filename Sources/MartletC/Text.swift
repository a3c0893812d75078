import CMartlet
import Glibc
import Martlet

// Tensors as text.

@_cdecl("mt_tensor_str") @implementation
public func mt_tensor_str(_ t: mt_tensor?, _ prefix: UnsafePointer<CChar>?) -> UnsafeMutablePointer<CChar>? {
    value(nil) {
        let t = try T(t, "t")
        try Tape.refuseReading("printing", t)
        return strdup(t.formatted(prefix: prefix.map { String(cString: $0) } ?? "tensor("))
    }
}

@_cdecl("mt_get_printoptions") @implementation
public func mt_get_printoptions(_ options: UnsafeMutablePointer<mt_printoptions>?) -> mt_status {
    status {
        guard let options, options.pointee.size >= UInt32(MemoryLayout<mt_printoptions>.size) else {
            throw MartletError.value("mt_get_printoptions: start from MT_PRINTOPTIONS_INIT")
        }
        let current = PrintOptions.current
        options.pointee.precision = Int64(current.precision)
        options.pointee.threshold = Int64(current.threshold)
        options.pointee.edgeitems = Int64(current.edgeItems)
        options.pointee.linewidth = Int64(current.lineWidth)
        options.pointee.sci_mode = current.sciMode.map { $0 ? 1 : 0 } ?? -1
    }
}

@_cdecl("mt_set_printoptions") @implementation
public func mt_set_printoptions(_ options: UnsafePointer<mt_printoptions>?) -> mt_status {
    status {
        guard let o = options?.pointee, o.size >= UInt32(MemoryLayout<mt_printoptions>.size) else {
            throw MartletError.value("mt_set_printoptions: start from MT_PRINTOPTIONS_INIT")
        }
        guard (0...1000).contains(o.precision), o.threshold >= 0, o.edgeitems >= 0, o.edgeitems <= Int64(Int32.max),
            (1...Int64(Int32.max)).contains(o.linewidth)
        else {
            throw MartletError.value(
                "set_printoptions: precision must be in 0...1000, threshold and edgeitems not negative and linewidth positive, but got precision=\(o.precision), threshold=\(o.threshold), edgeitems=\(o.edgeitems), linewidth=\(o.linewidth)"
            )
        }
        var new = PrintOptions()
        new.precision = Int(o.precision)
        new.threshold = Int(o.threshold)
        new.edgeItems = Int(o.edgeitems)
        new.lineWidth = Int(o.linewidth)
        new.sciMode = o.sci_mode < 0 ? nil : o.sci_mode != 0
        PrintOptions.current = new
    }
}
