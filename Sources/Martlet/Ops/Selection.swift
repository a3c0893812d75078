/// Selection without a full sort. Which of several equal elements is chosen shows in the indices, so these are
/// the algorithms that torch uses, step by step: introsort, introselect and heap selection as in GNU's C++
/// library, and Hoare's quickselect with the median of three.
struct Selection {
    typealias Entries = UnsafeMutableBufferPointer<SortEntry>
    let e: Entries

    init(_ entries: Entries) { e = entries }

    @inline(__always)
    private func less(_ a: Int, _ b: Int) -> Bool { e[a].key < e[b].key }

    private static func depth(_ n: Int) -> Int { n < 1 ? 0 : 2 * (Int.bitWidth - 1 - n.leadingZeroBitCount) }

    /// Orders first..<last; equal elements may change places.
    func sort(_ first: Int, _ last: Int) {
        if last - first < 2 { return }
        introsort(first, last, Selection.depth(last - first))
        insertionSort(first, last)
    }

    private func introsort(_ first: Int, _ end: Int, _ budget: Int) {
        var (last, budget) = (end, budget)
        while last - first > 16 {
            if budget == 0 { return partialSort(first, last, last) }
            budget -= 1
            let cut = partition(first, last)
            introsort(cut, last, budget)
            last = cut
        }
    }

    private func insertionSort(_ first: Int, _ last: Int) {
        var i = first + 1
        while i < last {
            let v = e[i]
            var j = i
            while j > first && v.key < e[j - 1].key {
                e[j] = e[j - 1]
                j -= 1
            }
            e[j] = v
            i += 1
        }
    }

    /// Splits around the median of the second, middle and last element; the start of the upper part.
    private func partition(_ first: Int, _ last: Int) -> Int {
        let (a, b, c) = (first + 1, first + (last - first) / 2, last - 1)
        let median = less(a, b) ? (less(b, c) ? b : (less(a, c) ? c : a)) : (less(a, c) ? a : (less(b, c) ? c : b))
        e.swapAt(first, median)
        var (i, j) = (first + 1, last)
        while true {
            while less(i, first) { i += 1 }
            j -= 1
            while less(first, j) { j -= 1 }
            if i >= j { return i }
            e.swapAt(i, j)
            i += 1
        }
    }

    /// Puts the element of rank `nth` in its place, smaller ones before it.
    func nthElement(_ first: Int, _ nth: Int, _ last: Int) {
        if first == last || nth == last { return }
        var (low, high, budget) = (first, last, Selection.depth(last - first))
        while high - low > 3 {
            if budget == 0 {
                heapSelect(low, nth + 1, high)
                e.swapAt(low, nth)
                return
            }
            budget -= 1
            let cut = partition(low, high)
            if cut <= nth { low = cut } else { high = cut }
        }
        insertionSort(low, high)
    }

    /// The least middle - first elements, in order, at the front.
    func partialSort(_ first: Int, _ middle: Int, _ last: Int) {
        heapSelect(first, middle, last)
        var end = middle
        while end - first > 1 {
            end -= 1
            popHeap(first, end, end)
        }
    }

    private func heapSelect(_ first: Int, _ middle: Int, _ last: Int) {
        let n = middle - first
        if n >= 2 {
            for parent in stride(from: (n - 2) / 2, through: 0, by: -1) { sift(first, parent, n, e[first + parent]) }
        }
        for i in middle..<Swift.max(last, middle) where n > 0 && less(i, first) { popHeap(first, middle, i) }
    }

    /// Arranges all entries as a heap whose top is the greatest.
    func makeHeap() {
        let n = e.count
        if n < 2 { return }
        for parent in stride(from: (n - 2) / 2, through: 0, by: -1) { sift(0, parent, n, e[parent]) }
    }

    /// Puts an entry into the heap in place of the top.
    func replaceTop(_ v: SortEntry) { sift(0, 0, e.count, v) }

    /// Turns the heap into ascending order.
    func sortHeap() {
        for end in stride(from: e.count - 1, through: 1, by: -1) { popHeap(0, end, end) }
    }

    /// Moves the top of the heap first..<last to `place` and what stood there into the heap.
    private func popHeap(_ first: Int, _ last: Int, _ place: Int) {
        let v = e[place]
        e[place] = e[first]
        sift(first, 0, last - first, v)
    }

    /// Fills a hole from below down to a leaf, then lets `v` rise from there.
    private func sift(_ first: Int, _ start: Int, _ n: Int, _ v: SortEntry) {
        var hole = start
        var child = start
        while child < (n - 1) / 2 {
            child = 2 * (child + 1)
            if less(first + child, first + child - 1) { child -= 1 }
            e[first + hole] = e[first + child]
            hole = child
        }
        if n & 1 == 0 && child == (n - 2) / 2 {
            child = 2 * (child + 1)
            e[first + hole] = e[first + child - 1]
            hole = child - 1
        }
        while hole > start {
            let parent = (hole - 1) / 2
            if !(e[first + parent].key < v.key) { break }
            e[first + hole] = e[first + parent]
            hole = parent
        }
        e[first + hole] = v
    }

    /// Puts the element of rank `k` in its place.
    func quickselect(_ k: Int) {
        var (l, r) = (0, e.count - 1)
        while r > l {
            if r == l + 1 {
                if less(r, l) { e.swapAt(l, r) }
                return
            }
            e.swapAt(l + (r - l) / 2, l + 1)
            if less(r, l + 1) { e.swapAt(l + 1, r) }
            if less(r, l) { e.swapAt(l, r) }
            if less(l, l + 1) { e.swapAt(l + 1, l) }
            var (i, j) = (l + 1, r)
            let pivot = e[l].key
            while true {
                repeat { i += 1 } while e[i].key < pivot
                repeat { j -= 1 } while pivot < e[j].key
                if j < i { break }
                e.swapAt(i, j)
            }
            e.swapAt(l, j)
            if j <= k { l = i }
            if j >= k { r = j - 1 }
        }
    }
}
