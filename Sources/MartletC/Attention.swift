import CMartlet
import Martlet

// Attention.

@_cdecl("mt_scaled_dot_product_attention") @implementation
public func mt_scaled_dot_product_attention(
    _ query: mt_tensor?, _ key: mt_tensor?, _ value: mt_tensor?, _ mask: mt_tensor?, _ dropout: Double, _ causal: Int32,
    _ scale: Double, _ grouped: Int32
) -> mt_tensor? {
    result {
        try .scaledDotProductAttention(
            T(query, "query"), T(key, "key"), T(value, "value"), mask: optional(mask, "attn_mask"), dropout: dropout,
            causal: causal != 0, scale: scale.isNaN ? nil : scale, groupedQueries: grouped != 0)
    }
}
