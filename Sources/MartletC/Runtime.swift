import CMartlet
import Glibc
import Martlet

// What runs beneath the operations: the user's BLAS, the memory cache.

@_cdecl("mt_blas_load") @implementation
public func mt_blas_load(_ library: UnsafePointer<CChar>?) -> mt_status {
    status {
        guard let library else { throw MartletError(.handle, "mt_blas_load: library is NULL") }
        try Blas.load(String(cString: library))
    }
}

@_cdecl("mt_blas_unload") @implementation
public func mt_blas_unload() { Blas.unload() }

@_cdecl("mt_blas_name") @implementation
public func mt_blas_name() -> UnsafeMutablePointer<CChar>? { Blas.name.flatMap { strdup($0) } }

@_cdecl("mt_blas_line_count") @implementation
public func mt_blas_line_count() -> Int32 { Int32(Blas.table.count) }

@_cdecl("mt_blas_get_line") @implementation
public func mt_blas_get_line(_ index: Int32, _ line: UnsafeMutablePointer<mt_blas_line>?) -> mt_status {
    status {
        guard let line else { throw MartletError(.handle, "mt_blas_get_line: line is NULL") }
        guard line.pointee.size >= UInt32(MemoryLayout<mt_blas_line>.size) else {
            throw MartletError.value("mt_blas_get_line: line->size is too small; start from MT_BLAS_LINE_INIT")
        }
        let table = Blas.table
        guard table.indices.contains(Int(index)) else {
            throw MartletError.index("mt_blas_get_line: line \(index) of a table of \(table.count)")
        }
        let found = table[Int(index)]
        line.pointee.dtype = Int32(found.dtype.rawValue)
        line.pointee.transposed_a = found.transposedA ? 1 : 0
        line.pointee.transposed_b = found.transposedB ? 1 : 0
        line.pointee.used = found.isUsed ? 1 : 0
        line.pointee.m = Int64(found.m)
        line.pointee.n = Int64(found.n)
        line.pointee.k = Int64(found.k)
        line.pointee.embedded_seconds = found.embeddedSeconds
        line.pointee.blas_seconds = found.blasSeconds
    }
}

@_cdecl("mt_empty_cache") @implementation
public func mt_empty_cache() { MemoryCache.empty() }

@_cdecl("mt_get_memory_stats") @implementation
public func mt_get_memory_stats(_ stats: UnsafeMutablePointer<mt_memory_stats>?) -> mt_status {
    status {
        guard let stats else { throw MartletError(.handle, "mt_get_memory_stats: stats is NULL") }
        guard stats.pointee.size >= UInt32(MemoryLayout<mt_memory_stats>.size) else {
            throw MartletError.value("mt_get_memory_stats: stats->size is too small; start from MT_MEMORY_STATS_INIT")
        }
        let found = MemoryCache.statistics
        stats.pointee.allocated = Int64(found.allocated)
        stats.pointee.peak = Int64(found.peak)
        stats.pointee.cached = Int64(found.cached)
    }
}

@_cdecl("mt_reset_peak_memory") @implementation
public func mt_reset_peak_memory() { MemoryCache.resetPeak() }
