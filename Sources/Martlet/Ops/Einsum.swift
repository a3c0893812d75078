/// Einstein summation: each operand's dimensions are named by letters; letters that the output lacks are summed over.
extension Tensor {
    /// A letter or the place of the ellipsis in one term of an equation.
    private enum Label: Equatable {
        case letter(Int)
        case ellipsis
    }

    /// `equation` names the dimensions of each operand by letters, terms parted by commas, and after "->" those of the
    /// result, e.g. "bij,bjk->bik". Without "->" the result has the letters that occur once, in alphabetical order,
    /// capitals first. A letter twice in a term takes the diagonal. "..." stands for any dimensions, which broadcast.
    public static func einsum(_ equation: String, _ operands: [Tensor]) throws -> Tensor {
        guard !operands.isEmpty else { throw MartletError.runtime("einsum(): must provide at least one operand") }
        let text = Array(equation.utf8)
        let (terms, output) = try einsumTerms(text, operands.count)
        var ellipsisRank = 0
        for (i, term) in terms.enumerated() {
            let letters = term.filter { $0 != .ellipsis }.count
            let rank = operands[i].rank
            if letters == term.count {
                guard letters == rank else {
                    throw MartletError.runtime(
                        "einsum(): the number of subscripts in the equation (\(letters)) does not match the number of dimensions (\(rank)) for operand \(i) and no ellipsis was given")
                }
            } else {
                guard letters <= rank else {
                    throw MartletError.runtime(
                        "einsum(): the number of subscripts in the equation (\(letters)) is more than the number of dimensions (\(rank)) for operand \(i)")
                }
                ellipsisRank = Swift.max(ellipsisRank, rank - letters)
            }
        }
        // Each letter gets a place: the output's first, then those summed over.
        var place = [Int](repeating: -1, count: 52)
        var count = [Int](repeating: 0, count: 52)
        for term in terms { for case .letter(let l) in term { count[l] += 1 } }
        var next = 0
        var ellipsisAt = -1
        if let output {
            for label in output {
                switch label {
                case .ellipsis:
                    ellipsisAt = next
                    next += ellipsisRank
                case .letter(let l):
                    if place[l] >= 0 {
                        throw MartletError.runtime(
                            "einsum(): output subscript \(letterName(l)) appears more than once in the output")
                    }
                    if count[l] == 0 {
                        throw MartletError.runtime(
                            "einsum(): output subscript \(letterName(l)) does not appear in the equation for any input operand")
                    }
                    place[l] = next
                    next += 1
                }
            }
        } else {
            ellipsisAt = 0
            next = ellipsisRank
            for l in 0..<52 where count[l] == 1 {
                place[l] = next
                next += 1
            }
        }
        let outRank = next
        if ellipsisAt < 0 {
            ellipsisAt = next
            next += ellipsisRank
        }
        for l in 0..<52 where count[l] > 0 && place[l] < 0 {
            place[l] = next
            next += 1
        }
        guard next <= Dims.maxRank else {
            throw MartletError.runtime("einsum(): at most \(Dims.maxRank) different dimensions are possible, got \(next)")
        }
        var aligned: [Tensor] = []
        var seen = [Int](repeating: 1, count: next)
        for (i, term) in terms.enumerated() {
            aligned.append(try operands[i].alignForEinsum(i, term, place, ellipsisAt, ellipsisRank, next, &seen))
        }
        // An operand contributes its last use of a letter: then the letter can be summed over.
        var last = [Int](repeating: 0, count: next)
        for (i, t) in aligned.enumerated() { for d in 0..<next where t.sizes[d] != 1 { last[d] = i } }
        var result = aligned[0]
        if aligned.count == 1 {
            let over = Array(outRank..<next)
            return over.isEmpty ? result : try result.sum(over)
        }
        for i in 1..<aligned.count {
            var over: [Int] = []
            for d in outRank..<next where last[d] <= i && (result.sizes[d] != 1 || aligned[i].sizes[d] != 1) { over.append(d) }
            result = try result.sumOfProducts(aligned[i], over)
        }
        if next > outRank {
            return try result.reshape(Dims(result.sizes.prefix(outRank)))
        }
        return result
    }

    private static func letterName(_ l: Int) -> String {
        String(UnicodeScalar(UInt8(l < 26 ? 65 + l : 97 + l - 26)))
    }

    /// The terms of an equation, and the output's where it is given.
    private static func einsumTerms(_ text: [UInt8], _ n: Int) throws -> ([[Label]], [Label]?) {
        var terms: [[Label]] = [[]]
        var output: [Label]?
        var i = 0
        while i < text.count {
            let c = text[i]
            let name = output == nil ? "operand \(terms.count - 1)" : "output"
            switch c {
            case 32: break
            case 46:
                let sofar = output ?? terms[terms.count - 1]
                if sofar.contains(.ellipsis) {
                    throw MartletError.runtime(
                        output == nil
                            ? "einsum(): found '.' for \(name) for which an ellipsis was already found"
                            : "einsum(): found '.' for output but an ellipsis (...) was already found")
                }
                guard i + 2 < text.count, text[i + 1] == 46, text[i + 2] == 46 else {
                    throw MartletError.runtime(
                        "einsum(): found '.' for \(name) that is not part of any ellipsis\(output == nil ? "" : " (...)")")
                }
                if output == nil { terms[terms.count - 1].append(.ellipsis) } else { output!.append(.ellipsis) }
                i += 2
            case 44 where output == nil:
                terms.append([])
                if terms.count > n {
                    throw MartletError.runtime("einsum(): fewer operands were provided than specified in the equation")
                }
            case 45 where output == nil && i + 1 < text.count && text[i + 1] == 62:
                output = []
                i += 1
            case 65...90, 97...122:
                let l = Label.letter(c < 97 ? Int(c) - 65 : Int(c) - 97 + 26)
                if output == nil { terms[terms.count - 1].append(l) } else { output!.append(l) }
            default:
                throw MartletError.runtime(
                    "einsum(): invalid subscript given at index \(i) in the equation string, subscripts must be in [a-zA-Z]")
            }
            i += 1
        }
        guard terms.count == n else {
            throw MartletError.runtime("einsum(): more operands were provided than specified in the equation")
        }
        return (terms, output)
    }

    /// This operand with every letter's dimension at its place, size one where it lacks the letter; repeated letters
    /// are taken along the diagonal.
    private func alignForEinsum(
        _ number: Int, _ term: [Label], _ place: [Int], _ ellipsisAt: Int, _ ellipsisRank: Int, _ total: Int,
        _ seen: inout [Int]
    ) throws -> Tensor {
        var t = self
        let covered = rank - term.filter { $0 != .ellipsis }.count
        var slots: [Int] = []  // the place of each dimension of t
        var dim = 0
        for label in term {
            switch label {
            case .ellipsis:
                for k in 0..<covered { slots.append(ellipsisAt + ellipsisRank - covered + k) }
                dim += covered
            case .letter(let l):
                if let first = slots.firstIndex(of: place[l]) {
                    guard t.sizes[first] == t.sizes[dim] else {
                        let name = String(UnicodeScalar(UInt8(l < 26 ? 65 + l : 97 + l - 26)))
                        throw MartletError.runtime(
                            "einsum(): subscript \(name) is repeated for operand \(number) but the sizes don't match, \(t.sizes[dim]) != \(t.sizes[first])")
                    }
                    // The diagonal comes last; it goes where the letter stood first.
                    t = try t.diagonal(offset: 0, first, dim)
                    var order = Array(0..<(t.rank - 1))
                    order.insert(t.rank - 1, at: first)
                    t = try t.permute(order)
                } else {
                    slots.append(place[l])
                    dim += 1
                }
            }
        }
        for (d, slot) in slots.enumerated() where t.sizes[d] != 1 {
            guard seen[slot] == 1 || seen[slot] == t.sizes[d] else {
                let letter = place.firstIndex(of: slot).map { String(UnicodeScalar(UInt8($0 < 26 ? 65 + $0 : 97 + $0 - 26))) }
                throw MartletError.runtime(
                    "einsum(): subscript \(letter ?? "...") has size \(t.sizes[d]) for operand \(number) which does not broadcast with previously seen size \(seen[slot])")
            }
            seen[slot] = t.sizes[d]
        }
        // Missing letters become dimensions of size one at the end, then everything goes to its place.
        var from = [Int](repeating: -1, count: total)
        for (d, slot) in slots.enumerated() { from[slot] = d }
        for p in 0..<total where from[p] < 0 {
            from[p] = t.rank
            t = try t.unsqueeze(t.rank)
        }
        return try t.permute(from)
    }

    /// The product of two tensors of one rank, summed over the dimensions `over`, which become size one.
    private func sumOfProducts(_ other: Tensor, _ over: [Int]) throws -> Tensor {
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "expected scalar type \(dtype.scalarTypeName) but found \(other.dtype.scalarTypeName)")
        }
        var (a, b) = (self, other)
        var (batch, left, right, inner) = ([Int](), [Int](), [Int](), [Int]())
        for d in 0..<rank {
            let (inA, inB) = (a.sizes[d] != 1, b.sizes[d] != 1)
            if over.contains(d) {
                if inA && inB {
                    inner.append(d)
                } else if inA {
                    a = try a.sum([d], keepDim: true)
                } else if inB {
                    b = try b.sum([d], keepDim: true)
                }
            } else if inA && inB {
                batch.append(d)
            } else if inA {
                left.append(d)
            } else {
                right.append(d)  // in b alone, or in neither
            }
        }
        if inner.isEmpty { return try a.mul(b) }
        func size(_ t: Tensor, _ dims: [Int]) -> Int { dims.reduce(1) { $0 * t.sizes[$1] } }
        let (n, l, r, k) = (size(a, batch), size(a, left), size(b, right), size(a, inner))
        let x = try a.permute(batch + left + inner + right).reshape([n, l, k] as Dims)
        let y = try b.permute(batch + inner + right + left).reshape([n, k, r] as Dims)
        let product = try x.bmm(y)
        let order = batch + left + right + inner
        var shape = Dims()
        var back = [Int](repeating: 0, count: rank)
        for (at, d) in order.enumerated() {
            back[d] = at
            shape.append(inner.contains(d) ? 1 : (left.contains(d) ? a.sizes[d] : (batch.contains(d) ? a.sizes[d] : b.sizes[d])))
        }
        return try product.reshape(shape).permute(back)
    }
}
