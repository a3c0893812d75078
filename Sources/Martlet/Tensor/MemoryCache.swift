import MartletKernels

/// The memory that tensors take and give back. What is freed is kept for the next tensor of a like size.
public enum MemoryCache {
    /// Bytes that tensors hold now, the most they ever held, and bytes kept for reuse.
    public static var statistics: (allocated: Int, peak: Int, cached: Int) {
        var s = mk_alloc_stats_t()
        mk_alloc_stats(&s)
        return (Int(s.allocated_bytes), Int(s.peak_bytes), Int(s.cached_bytes))
    }

    /// Gives what is kept for reuse back to the system, except small blocks that other threads keep for themselves.
    public static func empty() { mk_empty_cache() }

    /// Makes the peak what is held now.
    public static func resetPeak() { mk_reset_peak() }
}
