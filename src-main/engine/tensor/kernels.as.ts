// AssemblyScript, compiled to WebAssembly SIMD by build/assemblyscript-plugin.ts; kernels.ts gives it types.
// The loops that touch every element of every checkpoint: JavaScript has no half precision and no vectors.
// All pointers are byte addresses in the module's memory; counts are elements. Unless a
// function says otherwise it handles whole vectors: buffers end with room for one more (kernels.ts).

// @ts-nocheck: this is AssemblyScript, whose types tsc does not know.

/** The first four of eight 16-bit numbers, each as the high half of a lane of 32 bits. */
// @ts-ignore: decorator
@inline
function lowAsHighHalves(halves: v128): v128 {
  return i8x16.shuffle(i32x4.splat(0), halves, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23)
}

/** The last four of eight 16-bit numbers, each as the high half of a lane of 32 bits. */
// @ts-ignore: decorator
@inline
function highAsHighHalves(halves: v128): v128 {
  return i8x16.shuffle(i32x4.splat(0), halves, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31)
}

/**
 * Finite float16 bits in the high half of each lane to float32. Infinity and NaN come out as large finite numbers: the
 * caller reports them from the return value of decodeF16 and uses none of the values.
 */
// @ts-ignore: decorator
@inline
function halfToFloat(bits: v128): v128 {
  // The sign stays where it is; exponent and fraction go to where float32 has them, behind copies of the sign.
  const moved = v128.and(i32x4.shr_s(bits, 3), i32x4.splat(0x8fffe000))
  // Multiplying by 2^112 moves the exponent's bias from 15 to 127 and makes subnormals normal, exactly.
  return f32x4.mul(moved, f32x4.splat(reinterpret<f32>(0x77800000)))
}

/** float32 to float16 bits in the low half of each lane, rounded to nearest, ties to even. */
// @ts-ignore: decorator
@inline
function floatToHalf(value: v128): v128 {
  const sign = v128.and(value, i32x4.splat(0x80000000))
  const magnitude = v128.xor(value, sign)
  // Without their signs, bits are ordered as signed integers, which processors compare in one step.
  const isNaN = i32x4.gt_s(magnitude, i32x4.splat(0x7f800000))
  const isSmall = i32x4.lt_s(magnitude, i32x4.splat(0x38800000)) // 2^-14, the smallest normal number
  // Adding 0.5 lets the float adder round subnormals for us.
  const subnormal = i32x4.sub(f32x4.add(magnitude, i32x4.splat(0x3f000000)), i32x4.splat(0x3f000000))
  // 65536 and all beyond it become infinity.
  const bounded = i32x4.min_s(magnitude, i32x4.splat(0x47800000))
  const odd = v128.and(i32x4.shr_u(bounded, 13), i32x4.splat(1))
  const rounded = i32x4.add(i32x4.add(bounded, i32x4.splat(0xc8000fff)), odd) // exponent bias 127 -> 15, plus half
  const result = v128.bitselect(subnormal, i32x4.shr_u(rounded, 13), isSmall)
  const quiet = v128.and(isNaN, i32x4.splat(0x200))
  return v128.or(v128.or(result, quiet), i32x4.shr_u(sign, 16))
}

/** float32 to bfloat16 bits in the low half of each lane, rounded to nearest, ties to even. */
// @ts-ignore: decorator
@inline
function floatToBfloat(value: v128): v128 {
  const isNaN = i32x4.gt_u(v128.and(value, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000))
  const odd = v128.and(i32x4.shr_u(value, 16), i32x4.splat(1))
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(value, i32x4.splat(0x7fff)), odd), 16)
  return v128.bitselect(i32x4.splat(0x7fc0), rounded, isNaN)
}

/** float16 -> float32. Returns 1 if any value is infinite or NaN, else 0. */
export function decodeF16(source: usize, target: usize, count: i32): i32 {
  let bad = i32x4.splat(0)
  const highest = i16x8.splat(0x7c00)
  for (let i = 0; i < count; i += 8) {
    const halves = v128.load(source + (<usize>i << 1))
    bad = v128.or(bad, i16x8.eq(v128.and(halves, highest), highest))
    v128.store(target + (<usize>i << 2), halfToFloat(lowAsHighHalves(halves)))
    v128.store(target + (<usize>i << 2), halfToFloat(highAsHighHalves(halves)), 16)
  }
  return v128.any_true(bad) ? 1 : 0
}

/** bfloat16 -> float32. Returns 1 if any value is infinite or NaN, else 0. */
export function decodeBF16(source: usize, target: usize, count: i32): i32 {
  let bad = i32x4.splat(0)
  const highest = i16x8.splat(0x7f80)
  for (let i = 0; i < count; i += 8) {
    const halves = v128.load(source + (<usize>i << 1))
    bad = v128.or(bad, i16x8.eq(v128.and(halves, highest), highest))
    v128.store(target + (<usize>i << 2), lowAsHighHalves(halves))
    v128.store(target + (<usize>i << 2), highAsHighHalves(halves), 16)
  }
  return v128.any_true(bad) ? 1 : 0
}

/** Returns 1 if any of the float32 values is infinite or NaN, else 0. */
export function anyNotFinite(source: usize, count: i32): i32 {
  let bad = i32x4.splat(0)
  const highest = i32x4.splat(0x7f800000)
  for (let i = 0; i < count; i += 4) {
    bad = v128.or(bad, i32x4.eq(v128.and(v128.load(source + (<usize>i << 2)), highest), highest))
  }
  return v128.any_true(bad) ? 1 : 0
}

/** sums[i] += weight * values[i]: float64 sums of float32 values; count may be any number. */
export function accumulate(sums: usize, values: usize, count: i32, weight: f64): void {
  const factor = f64x2.splat(weight)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const value = v128.load(values + (<usize>i << 2))
    const at = sums + (<usize>i << 3)
    v128.store(at, f64x2.add(v128.load(at), f64x2.mul(f64x2.promote_low_f32x4(value), factor)))
    const high = i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
    v128.store(at, f64x2.add(v128.load(at, 16), f64x2.mul(f64x2.promote_low_f32x4(high), factor)), 16)
  }
  for (let i = vectors; i < count; i++) {
    const at = sums + (<usize>i << 3)
    store<f64>(at, load<f64>(at) + <f64>load<f32>(values + (<usize>i << 2)) * weight)
  }
}

/**
 * values[i] = float32(sums[i] / divisor); count may be any number. Values may take the place of the sums themselves, or
 * of sums in front of them.
 */
export function divide(sums: usize, values: usize, count: i32, divisor: f64): void {
  const by = f64x2.splat(divisor)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const at = sums + (<usize>i << 3)
    const low = f32x4.demote_f64x2_zero(f64x2.div(v128.load(at), by))
    const high = f32x4.demote_f64x2_zero(f64x2.div(v128.load(at, 16), by))
    v128.store(values + (<usize>i << 2), i8x16.shuffle(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  }
  for (let i = vectors; i < count; i++) {
    store<f32>(values + (<usize>i << 2), <f32>(load<f64>(sums + (<usize>i << 3)) / divisor))
  }
}

/** The larger ones of numbers that are not negative, NaN above all: their bits are ordered as integers. */
// @ts-ignore: decorator
@inline
function largerBits(a: v128, b: v128): v128 {
  return v128.bitselect(a, b, i64x2.gt_s(a, b))
}

/** The largest |sums[i]|, float64, NaN where there is one; count may be any number. */
export function largest(sums: usize, count: i32): f64 {
  // Two, so that steps need not wait for each other.
  let first = i64x2.splat(0)
  let second = i64x2.splat(0)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const at = sums + (<usize>i << 3)
    first = largerBits(first, f64x2.abs(v128.load(at)))
    second = largerBits(second, f64x2.abs(v128.load(at, 16)))
  }
  const most = largerBits(first, second)
  let result = max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1))
  for (let i = vectors; i < count; i++) result = max(result, abs(load<f64>(sums + (<usize>i << 3))))
  return result
}

/** float32 -> float16. Returns 1 if a value beyond the range of float16 became infinite, else 0. */
export function encodeF16(source: usize, target: usize, count: i32): i32 {
  let bad = i32x4.splat(0)
  const highest = i16x8.splat(0x7c00)
  for (let i = 0; i < count; i += 8) {
    const low = floatToHalf(v128.load(source + (<usize>i << 2)))
    const high = floatToHalf(v128.load(source + (<usize>i << 2), 16))
    const halves = i8x16.shuffle(low, high, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29)
    bad = v128.or(bad, i16x8.eq(v128.and(halves, highest), highest))
    v128.store(target + (<usize>i << 1), halves)
  }
  return v128.any_true(bad) ? 1 : 0
}

/** float32 -> bfloat16. Returns 1 if a value became infinite, else 0. */
export function encodeBF16(source: usize, target: usize, count: i32): i32 {
  let bad = i32x4.splat(0)
  const highest = i16x8.splat(0x7f80)
  for (let i = 0; i < count; i += 8) {
    const low = floatToBfloat(v128.load(source + (<usize>i << 2)))
    const high = floatToBfloat(v128.load(source + (<usize>i << 2), 16))
    const halves = i8x16.shuffle(low, high, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29)
    bad = v128.or(bad, i16x8.eq(v128.and(halves, highest), highest))
    v128.store(target + (<usize>i << 1), halves)
  }
  return v128.any_true(bad) ? 1 : 0
}

/** Dot product of two float32 vectors, summed in float64. */
export function dot(a: usize, b: usize, count: i32): f64 {
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const x = v128.load(a + (<usize>i << 2))
    const y = v128.load(b + (<usize>i << 2))
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(y)))
    const xHigh = i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
    const yHigh = i8x16.shuffle(y, y, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
    high = f64x2.add(high, f64x2.mul(f64x2.promote_low_f32x4(xHigh), f64x2.promote_low_f32x4(yHigh)))
  }
  const sums = f64x2.add(low, high)
  let total = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)
  for (let i = vectors; i < count; i++) {
    total += <f64>load<f32>(a + (<usize>i << 2)) * <f64>load<f32>(b + (<usize>i << 2))
  }
  return total
}

/** The squares of two float32 values of a vector, in float64. */
// @ts-ignore: decorator
@inline
function squares(low: v128): v128 {
  const values = f64x2.promote_low_f32x4(low)
  return f64x2.mul(values, values)
}

/** Sum of the squares of float32 values in float64; count may be any number. Sums that do not wait for each other. */
export function sumOfSquares(values: usize, count: i32): f64 {
  let a = f64x2.splat(0)
  let b = f64x2.splat(0)
  let c = f64x2.splat(0)
  let d = f64x2.splat(0)
  const pairs = count & ~7
  for (let i = 0; i < pairs; i += 8) {
    const x = v128.load(values + (<usize>i << 2))
    const y = v128.load(values + (<usize>i << 2), 16)
    a = f64x2.add(a, squares(x))
    b = f64x2.add(b, squares(i64x2.shuffle(x, x, 1, 1)))
    c = f64x2.add(c, squares(y))
    d = f64x2.add(d, squares(i64x2.shuffle(y, y, 1, 1)))
  }
  const sums = f64x2.add(f64x2.add(a, b), f64x2.add(c, d))
  let total = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)
  for (let i = pairs; i < count; i++) {
    const value = <f64>load<f32>(values + (<usize>i << 2))
    total += value * value
  }
  return total
}

/** Sum of float32 values in float64; count may be any number. */
export function sum(values: usize, count: i32): f64 {
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const x = v128.load(values + (<usize>i << 2))
    low = f64x2.add(low, f64x2.promote_low_f32x4(x))
    const xHigh = i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
    high = f64x2.add(high, f64x2.promote_low_f32x4(xHigh))
  }
  const sums = f64x2.add(low, high)
  let total = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)
  for (let i = vectors; i < count; i++) total += <f64>load<f32>(values + (<usize>i << 2))
  return total
}

/** target[i] += weight * source[i], float32; count may be any number. */
export function addScaled(target: usize, source: usize, count: i32, weight: f32): void {
  const factor = f32x4.splat(weight)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const at = target + (<usize>i << 2)
    v128.store(at, f32x4.add(v128.load(at), f32x4.mul(v128.load(source + (<usize>i << 2)), factor)))
  }
  for (let i = vectors; i < count; i++) {
    const at = target + (<usize>i << 2)
    store<f32>(at, load<f32>(at) + load<f32>(source + (<usize>i << 2)) * weight)
  }
}

/** values[i] *= factor, float32; count may be any number. */
export function scale(values: usize, count: i32, factor: f32): void {
  const by = f32x4.splat(factor)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const at = values + (<usize>i << 2)
    v128.store(at, f32x4.mul(v128.load(at), by))
  }
  for (let i = vectors; i < count; i++) {
    const at = values + (<usize>i << 2)
    store<f32>(at, load<f32>(at) * factor)
  }
}

/**
 * Counts magnitudes in `bins` equal bins, `perBin` to one, those beyond in the last; count may be any number. `counts`
 * is u32 [bins, 4], one column per lane: equal values after one another would wait for each other. `extremes` is float32
 * [2, 4], the least and the largest values so far.
 */
export function measure(values: usize, count: i32, perBin: f32, bins: i32, counts: usize, extremes: usize): void {
  let least = v128.load(extremes)
  let largest = v128.load(extremes, 16)
  const factor = f32x4.splat(perBin)
  const last = i32x4.splat(bins - 1)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const value = v128.load(values + (<usize>i << 2))
    least = f32x4.pmin(least, value)
    largest = f32x4.pmax(largest, value)
    const bin = i32x4.min_u(i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.abs(value), factor)), last)
    const at = i32x4.add(i32x4.shl(bin, 4), i32x4(0, 4, 8, 12))
    const a = counts + <usize>i32x4.extract_lane(at, 0)
    const b = counts + <usize>i32x4.extract_lane(at, 1)
    const c = counts + <usize>i32x4.extract_lane(at, 2)
    const d = counts + <usize>i32x4.extract_lane(at, 3)
    store<u32>(a, load<u32>(a) + 1)
    store<u32>(b, load<u32>(b) + 1)
    store<u32>(c, load<u32>(c) + 1)
    store<u32>(d, load<u32>(d) + 1)
  }
  for (let i = vectors; i < count; i++) {
    const value = load<f32>(values + (<usize>i << 2))
    least = f32x4.pmin(least, f32x4.splat(value))
    largest = f32x4.pmax(largest, f32x4.splat(value))
    const at = counts + (<usize>min<f32>(<f32>abs<f32>(value) * perBin, <f32>(bins - 1)) << 4)
    store<u32>(at, load<u32>(at) + 1)
  }
  v128.store(extremes, least)
  v128.store(extremes, largest, 16)
}

/** The even and the odd elements of eight float32 values. */
// @ts-ignore: decorator
@inline
function even(first: v128, second: v128): v128 {
  return i8x16.shuffle(first, second, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
}
// @ts-ignore: decorator
@inline
function odd(first: v128, second: v128): v128 {
  return i8x16.shuffle(first, second, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
}

/**
 * One float32 row from two rows of `count` values: means of 2 × 2 values each; the last of an odd count stands for its
 * neighbour too.
 */
export function halveToMeans(above: usize, below: usize, count: i32, target: usize): void {
  const quarter = f32x4.splat(0.25)
  const vectors = count & ~7
  let to = target
  for (let i = 0; i < vectors; i += 8, to += 16) {
    const x = above + (<usize>i << 2)
    const y = below + (<usize>i << 2)
    const upper = f32x4.add(even(v128.load(x), v128.load(x, 16)), odd(v128.load(x), v128.load(x, 16)))
    const lower = f32x4.add(even(v128.load(y), v128.load(y, 16)), odd(v128.load(y), v128.load(y, 16)))
    v128.store(to, f32x4.mul(f32x4.add(upper, lower), quarter))
  }
  for (let i = vectors; i < count; i += 2, to += 4) {
    const left = <usize>i << 2
    const right = <usize>min(i + 1, count - 1) << 2
    const upper = load<f32>(above + left) + load<f32>(above + right)
    store<f32>(to, (upper + (load<f32>(below + left) + load<f32>(below + right))) * 0.25)
  }
}

/** The value of the larger magnitude; of equal ones the first. */
// @ts-ignore: decorator
@inline
function stronger(first: v128, second: v128): v128 {
  return v128.bitselect(second, first, f32x4.gt(f32x4.abs(second), f32x4.abs(first)))
}

/** As halveToMeans, with the value of the largest magnitude for each 2 × 2. */
export function halveToStrongest(above: usize, below: usize, count: i32, target: usize): void {
  const vectors = count & ~7
  let to = target
  for (let i = 0; i < vectors; i += 8, to += 16) {
    const x = above + (<usize>i << 2)
    const y = below + (<usize>i << 2)
    const upper = stronger(even(v128.load(x), v128.load(x, 16)), odd(v128.load(x), v128.load(x, 16)))
    const lower = stronger(even(v128.load(y), v128.load(y, 16)), odd(v128.load(y), v128.load(y, 16)))
    v128.store(to, stronger(upper, lower))
  }
  for (let i = vectors; i < count; i += 2, to += 4) {
    const left = <usize>i << 2
    const right = <usize>min(i + 1, count - 1) << 2
    const upper = stronger(v128.load32_zero(above + left), v128.load32_zero(above + right))
    const lower = stronger(v128.load32_zero(below + left), v128.load32_zero(below + right))
    v128.store32_lane(to, stronger(upper, lower), 0)
  }
}

/**
 * Of each of `count` rows of float32 its square, and its product with the same row of `base`, as `dot` sums them: to
 * `squares` and `products`, float64.
 */
export function compareRows(
  base: usize,
  rows: usize,
  count: i32,
  width: i32,
  squares: usize,
  products: usize,
): void {
  const vectors = width & ~3
  const rowBytes = <usize>width << 2
  for (let row = 0; row < count; row++) {
    const a = base + <usize>row * rowBytes
    const b = rows + <usize>row * rowBytes
    let low = f64x2.splat(0)
    let high = f64x2.splat(0)
    let ownLow = f64x2.splat(0)
    let ownHigh = f64x2.splat(0)
    for (let i = 0; i < vectors; i += 4) {
      const x = v128.load(a + (<usize>i << 2))
      const y = v128.load(b + (<usize>i << 2))
      const yLow = f64x2.promote_low_f32x4(y)
      low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(x), yLow))
      ownLow = f64x2.add(ownLow, f64x2.mul(yLow, yLow))
      const xHigh = i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
      const yHigh = f64x2.promote_low_f32x4(i8x16.shuffle(y, y, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15))
      high = f64x2.add(high, f64x2.mul(f64x2.promote_low_f32x4(xHigh), yHigh))
      ownHigh = f64x2.add(ownHigh, f64x2.mul(yHigh, yHigh))
    }
    const sums = f64x2.add(low, high)
    const ownSums = f64x2.add(ownLow, ownHigh)
    let total = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)
    let own = f64x2.extract_lane(ownSums, 0) + f64x2.extract_lane(ownSums, 1)
    for (let i = vectors; i < width; i++) {
      const y = <f64>load<f32>(b + (<usize>i << 2))
      total += <f64>load<f32>(a + (<usize>i << 2)) * y
      own += y * y
    }
    store<f64>(squares + (<usize>row << 3), own)
    store<f64>(products + (<usize>row << 3), total)
  }
}

/**
 * sums[i] += weight * float32(coefficient * values[i]): as accumulate of products that were rounded to float32; count may
 * be any number.
 */
export function accumulateScaled(sums: usize, values: usize, count: i32, coefficient: f32, weight: f64): void {
  const factor = f64x2.splat(weight)
  const scale = f32x4.splat(coefficient)
  const vectors = count & ~3
  for (let i = 0; i < vectors; i += 4) {
    const value = f32x4.mul(v128.load(values + (<usize>i << 2)), scale)
    const at = sums + (<usize>i << 3)
    v128.store(at, f64x2.add(v128.load(at), f64x2.mul(f64x2.promote_low_f32x4(value), factor)))
    const high = i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
    v128.store(at, f64x2.add(v128.load(at, 16), f64x2.mul(f64x2.promote_low_f32x4(high), factor)), 16)
  }
  for (let i = vectors; i < count; i++) {
    const at = sums + (<usize>i << 3)
    store<f64>(at, load<f64>(at) + <f64>(load<f32>(values + (<usize>i << 2)) * coefficient) * weight)
  }
}

/**
 * Where |products[row, column]| + leftRest[row] * rightRest[column] >= least in a matrix [rows, columns] of float32:
 * writes row * columns + column as int32 to `found`, as many as `most`. Columns up to row + diagonal are left out.
 * Returns how many there are, or most + 1 where there are more.
 */
export function pairsAbove(
  products: usize,
  leftRest: usize,
  rightRest: usize,
  rows: i32,
  columns: i32,
  diagonal: i32,
  least: f32,
  found: usize,
  most: i32,
): i32 {
  let count = 0
  const bound = f32x4.splat(least)
  for (let row = 0; row < rows; row++) {
    const at = products + ((<usize>row * <usize>columns) << 2)
    const rest = load<f32>(leftRest + (<usize>row << 2))
    const rests = f32x4.splat(rest)
    let column = max(0, row + diagonal + 1)
    for (; column < columns; ) {
      if (column + 4 <= columns) {
        const offset = <usize>column << 2
        const sum = f32x4.add(f32x4.abs(v128.load(at + offset)), f32x4.mul(rests, v128.load(rightRest + offset)))
        if (!v128.any_true(f32x4.ge(sum, bound))) {
          column += 4
          continue
        }
      }
      for (const end = min(column + 4, columns); column < end; column++) {
        const offset = <usize>column << 2
        if (!(abs<f32>(load<f32>(at + offset)) + rest * load<f32>(rightRest + offset) >= least)) continue
        if (count >= most) return most + 1
        store<i32>(found + (<usize>count << 2), row * columns + column)
        count++
      }
    }
  }
  return count
}

/** Copies `rows` pieces of `byteLength` bytes that lie `stride` bytes apart to one after the other. */
export function gather(source: usize, stride: usize, target: usize, byteLength: usize, rows: i32): void {
  for (let row = 0; row < rows; row++) memory.copy(target + row * byteLength, source + row * stride, byteLength)
}

/**
 * target [rows, columns] += coefficients [rows, inner] · matrix [inner, columns], all float32. `panels` holds the matrix
 * eight columns after eight: [ceil(columns / 8), inner, 8], the last filled up with any numbers. Each element is summed
 * in the order of `inner`, whatever the other rows are.
 */
export function addProduct(
  target: usize,
  coefficients: usize,
  panels: usize,
  rows: i32,
  inner: i32,
  columns: i32,
): void {
  const rowBytes = <usize>columns << 2
  const innerBytes = <usize>inner << 2
  const whole = columns & ~7
  const fours = rows & ~3
  for (let column = 0; column < whole; column += 8) {
    const panel = panels + <usize>column * innerBytes
    let to = target + (<usize>column << 2)
    let row = 0
    let from = coefficients
    for (; row < fours; row += 4) {
      let a0 = f32x4.splat(0)
      let a1 = f32x4.splat(0)
      let b0 = f32x4.splat(0)
      let b1 = f32x4.splat(0)
      let c0 = f32x4.splat(0)
      let c1 = f32x4.splat(0)
      let d0 = f32x4.splat(0)
      let d1 = f32x4.splat(0)
      let at = panel
      const end = from + innerBytes
      for (let k = from; k < end; k += 4) {
        const low = v128.load(at)
        const high = v128.load(at, 16)
        const a = v128.load32_splat(k)
        a0 = f32x4.add(a0, f32x4.mul(a, low))
        a1 = f32x4.add(a1, f32x4.mul(a, high))
        const b = v128.load32_splat(k + innerBytes)
        b0 = f32x4.add(b0, f32x4.mul(b, low))
        b1 = f32x4.add(b1, f32x4.mul(b, high))
        const c = v128.load32_splat(k + 2 * innerBytes)
        c0 = f32x4.add(c0, f32x4.mul(c, low))
        c1 = f32x4.add(c1, f32x4.mul(c, high))
        const d = v128.load32_splat(k + 3 * innerBytes)
        d0 = f32x4.add(d0, f32x4.mul(d, low))
        d1 = f32x4.add(d1, f32x4.mul(d, high))
        at += 32
      }
      addPair(to, a0, a1)
      addPair(to + rowBytes, b0, b1)
      addPair(to + 2 * rowBytes, c0, c1)
      addPair(to + 3 * rowBytes, d0, d1)
      from += 4 * innerBytes
      to += 4 * rowBytes
    }
    for (; row < rows; row++) {
      let a0 = f32x4.splat(0)
      let a1 = f32x4.splat(0)
      let at = panel
      const end = from + innerBytes
      for (let k = from; k < end; k += 4) {
        const a = v128.load32_splat(k)
        a0 = f32x4.add(a0, f32x4.mul(a, v128.load(at)))
        a1 = f32x4.add(a1, f32x4.mul(a, v128.load(at, 16)))
        at += 32
      }
      addPair(to, a0, a1)
      from += innerBytes
      to += rowBytes
    }
  }
  const last = panels + <usize>whole * innerBytes
  for (let row = 0; row < rows; row++) {
    for (let column = whole; column < columns; column++) {
      let total: f32 = 0
      for (let k = 0; k < inner; k++) {
        const coefficient = load<f32>(coefficients + <usize>row * innerBytes + (<usize>k << 2))
        total += coefficient * load<f32>(last + (<usize>k << 5) + (<usize>(column & 7) << 2))
      }
      const to = target + <usize>row * rowBytes + (<usize>column << 2)
      store<f32>(to, load<f32>(to) + total)
    }
  }
}

// @ts-ignore: decorator
@inline
function addPair(target: usize, low: v128, high: v128): void {
  v128.store(target, f32x4.add(v128.load(target), low))
  v128.store(target, f32x4.add(v128.load(target, 16), high), 16)
}

/** target[i] = changed[i] − base[i]: float64 of float32 values. */
export function subtract(base: usize, changed: usize, target: usize, count: i32): void {
  for (let i = 0; i < count; i += 2) {
    const from = <usize>i << 2
    const change = f64x2.sub(
      f64x2.promote_low_f32x4(v128.load64_zero(changed + from)),
      f64x2.promote_low_f32x4(v128.load64_zero(base + from)),
    )
    v128.store(target + (<usize>i << 3), change)
  }
}

/**
 * target[i] = changed[i] − base[i]: float32 of float16 values. Returns 1 if any of these is infinite or NaN (no difference
 * then means anything), else 0.
 */
export function subtractHalves(base: usize, changed: usize, target: usize, count: i32): i32 {
  let bad = i32x4.splat(0)
  const highest = i16x8.splat(0x7c00)
  for (let i = 0; i < count; i += 8) {
    const from = v128.load(base + (<usize>i << 1))
    const to = v128.load(changed + (<usize>i << 1))
    bad = v128.or(bad, i16x8.eq(v128.and(from, highest), highest))
    bad = v128.or(bad, i16x8.eq(v128.and(to, highest), highest))
    const at = target + (<usize>i << 2)
    const low = f32x4.sub(halfToFloat(lowAsHighHalves(to)), halfToFloat(lowAsHighHalves(from)))
    const high = f32x4.sub(halfToFloat(highAsHighHalves(to)), halfToFloat(highAsHighHalves(from)))
    v128.store(at, low)
    v128.store(at, high, 16)
  }
  return v128.any_true(bad) ? 1 : 0
}

// @ts-ignore: decorator
@inline
function addVector(target: usize, values: v128): void {
  v128.store(target, f32x4.add(v128.load(target), values))
}

/**
 * Adds the four combinations of four rows of `count` float32 values that a Hadamard matrix gives to a, b, c and d, which
 * may not overlap. The rows lie one after the other; each is negated where its bit of `negative` is set.
 */
export function addHadamard(rows: usize, count: i32, negative: i32, a: usize, b: usize, c: usize, d: usize): void {
  const rowBytes = <usize>count << 2
  const signs0 = i32x4.splat(negative << 31)
  const signs1 = i32x4.splat((negative >> 1) << 31)
  const signs2 = i32x4.splat((negative >> 2) << 31)
  const signs3 = i32x4.splat((negative >> 3) << 31)
  for (let at: usize = 0; at < rowBytes; at += 16) {
    const from = rows + at
    const row0 = v128.xor(v128.load(from), signs0)
    const row1 = v128.xor(v128.load(from + rowBytes), signs1)
    const row2 = v128.xor(v128.load(from + 2 * rowBytes), signs2)
    const row3 = v128.xor(v128.load(from + 3 * rowBytes), signs3)
    const sum01 = f32x4.add(row0, row1)
    const difference01 = f32x4.sub(row0, row1)
    const sum23 = f32x4.add(row2, row3)
    const difference23 = f32x4.sub(row2, row3)
    addVector(a + at, f32x4.add(sum01, sum23))
    addVector(b + at, f32x4.sub(sum01, sum23))
    addVector(c + at, f32x4.add(difference01, difference23))
    addVector(d + at, f32x4.sub(difference01, difference23))
  }
}

/** The bits of |value| as float32: they are ordered as the magnitudes are. */
// @ts-ignore: decorator
@inline
function magnitudeBits(value: usize): u32 {
  return reinterpret<u32>(<f32>abs<f64>(load<f64>(value)))
}

/** Counts the upper halves of the magnitudes' bits of float64 values: `counts` is u32 [65536]. */
export function countMagnitudes(values: usize, count: i32, counts: usize): void {
  for (let i = 0; i < count; i++) {
    const at = counts + ((<usize>magnitudeBits(values + (<usize>i << 3)) >> 16) << 2)
    store<u32>(at, load<u32>(at) + 1)
  }
}

/** The same of the lower halves, of those whose upper half is `upper`. */
export function countMagnitudesWithin(values: usize, count: i32, upper: u32, counts: usize): void {
  for (let i = 0; i < count; i++) {
    const bits = magnitudeBits(values + (<usize>i << 3))
    if (bits >> 16 != upper) continue
    const at = counts + ((<usize>bits & 0xffff) << 2)
    store<u32>(at, load<u32>(at) + 1)
  }
}

/**
 * Marks with 1 what stays of float64 values, with 0 what does not: those whose magnitude's bits are above `threshold`, and
 * of those that equal it the ones that have the places [from, to) among all such, of which `seen` came before. Returns
 * how many were seen then.
 */
export function markMagnitudes(
  values: usize,
  count: i32,
  threshold: u32,
  from: i32,
  to: i32,
  seen: i32,
  stays: usize,
): i32 {
  for (let i = 0; i < count; i++) {
    const bits = magnitudeBits(values + (<usize>i << 3))
    const equal = <i32>(bits == threshold)
    const isAmong = <i32>(seen >= from) & <i32>(seen < to)
    store<u8>(stays + <usize>i, <u8>(<i32>(bits > threshold) | (equal & isAmong)))
    seen += equal
  }
  return seen
}

/** Marks with 1 the float64 values whose magnitude is `least` or more, with 0 the others. */
export function markAtLeast(values: usize, count: i32, least: f64, stays: usize): void {
  for (let i = 0; i < count; i++)
    store<u8>(stays + <usize>i, <u8>(abs<f64>(load<f64>(values + (<usize>i << 3))) >= least))
}

/** values[i] *= stays[i]: float64 values, marks that are 0 or 1. */
export function keepMarked(values: usize, stays: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const at = values + (<usize>i << 3)
    store<f64>(at, load<f64>(at) * <f64>load<u8>(stays + <usize>i))
  }
}

/**
 * TIES' consensus, entry by entry: of the weighted changes those whose sign wins are summed, and divided.
 * @param changes float64 of all models, `count` of each, one model behind the other
 * @param weights float64, one for each model
 * @param byCount whether the signs are counted, else the changes summed
 * @param divisor 0: none, 1: the weights of those that agree, 2: their number
 * @param positiveTies whether positive changes win where neither sign does
 */
export function consensus(
  changes: usize,
  weights: usize,
  models: i32,
  count: i32,
  byCount: i32,
  divisor: i32,
  positiveTies: i32,
  target: usize,
): void {
  const stride = <usize>count << 3
  for (let i = 0; i < count; i++) {
    const first = changes + (<usize>i << 3)
    let vote: f64 = 0
    let positive: f64 = 0
    let negative: f64 = 0
    let positivePart: f64 = 0
    let negativePart: f64 = 0
    for (let m = 0; m < models; m++) {
      const weight = load<f64>(weights + (<usize>m << 3))
      const weighted = weight * load<f64>(first + <usize>m * stride)
      const above = weighted > 0
      const below = weighted < 0
      const sign = <f64>(<i32>above - <i32>below)
      vote += select<f64>(sign, weighted, byCount != 0)
      positive += select<f64>(weighted, 0, above)
      negative += select<f64>(weighted, 0, below)
      const part = select<f64>(weight, 1, divisor == 1)
      positivePart += select<f64>(part, 0, above)
      negativePart += select<f64>(part, 0, below)
    }
    const wins = <i32>(vote > 0) | (<i32>(vote == 0) & positiveTies)
    const loses = <i32>(vote < 0)
    const sum = select<f64>(positive, select<f64>(negative, 0, loses), wins)
    const part = select<f64>(positivePart, select<f64>(negativePart, 0, loses), wins)
    store<f64>(target + (<usize>i << 3), sum / select<f64>(part, 1, <i32>(divisor != 0) & <i32>(part != 0)))
  }
}

/**
 * One step of a symmetric matrix's reduction to tridiagonal form, all float64: the lower triangle of the first `rows` rows
 * becomes A − v wᵀ − w vᵀ, and product = A x with that new A. Both in one pass, since the pass waits for memory.
 * @param matrix its rows are `stride` bytes apart
 */
export function reduceSymmetric(
  matrix: usize,
  stride: usize,
  rows: i32,
  v: usize,
  w: usize,
  x: usize,
  product: usize,
): void {
  memory.fill(product, 0, <usize>rows << 3)
  let row = 0
  for (; row + 2 <= rows; row += 2) {
    const a = matrix + <usize>row * stride
    const b = a + stride
    const at = <usize>row << 3
    const va = v128.load64_splat(v + at)
    const vb = v128.load64_splat(v + at, 8)
    const wa = v128.load64_splat(w + at)
    const wb = v128.load64_splat(w + at, 8)
    const xa = v128.load64_splat(x + at)
    const xb = v128.load64_splat(x + at, 8)
    let sumA = f64x2.splat(0)
    let sumB = f64x2.splat(0)
    for (let k: usize = 0; k < at; k += 16) {
      const vk = v128.load(v + k)
      const wk = v128.load(w + k)
      const xk = v128.load(x + k)
      const ak = f64x2.sub(v128.load(a + k), f64x2.add(f64x2.mul(va, wk), f64x2.mul(wa, vk)))
      v128.store(a + k, ak)
      sumA = f64x2.add(sumA, f64x2.mul(ak, xk))
      const bk = f64x2.sub(v128.load(b + k), f64x2.add(f64x2.mul(vb, wk), f64x2.mul(wb, vk)))
      v128.store(b + k, bk)
      sumB = f64x2.add(sumB, f64x2.mul(bk, xk))
      const sum = f64x2.add(f64x2.mul(ak, xa), f64x2.mul(bk, xb))
      v128.store(product + k, f64x2.add(v128.load(product + k), sum))
    }
    addTo(product + at, f64x2.extract_lane(sumA, 0) + f64x2.extract_lane(sumA, 1))
    addTo(product + at + 8, f64x2.extract_lane(sumB, 0) + f64x2.extract_lane(sumB, 1))
    reduceElement(a, row, row, v, w, x, product)
    reduceElement(b, row + 1, row, v, w, x, product)
    reduceElement(b, row + 1, row + 1, v, w, x, product)
  }
  if (row < rows)
    for (let k = 0; k <= row; k++) reduceElement(matrix + <usize>row * stride, row, k, v, w, x, product)
}

// @ts-ignore: decorator
@inline
function reduceElement(a: usize, row: i32, column: i32, v: usize, w: usize, x: usize, product: usize): void {
  const i = <usize>row << 3
  const k = <usize>column << 3
  const value = load<f64>(a + k) - (load<f64>(v + i) * load<f64>(w + k) + load<f64>(w + i) * load<f64>(v + k))
  store<f64>(a + k, value)
  addTo(product + i, value * load<f64>(x + k))
  if (row != column) addTo(product + k, value * load<f64>(x + i))
}

// @ts-ignore: decorator
@inline
function addTo(at: usize, value: f64): void {
  store<f64>(at, load<f64>(at) + value)
}

// MT19937, PyTorch's generator: a state of 624 words, of which each is mixed with the one 397 further on.
const STATE_SIZE = 624
const SHIFT = 397

// @ts-ignore: decorator
@inline
function twisted(word: v128, next: v128, shifted: v128): v128 {
  const y = v128.or(v128.and(word, i32x4.splat(0x80000000)), v128.and(next, i32x4.splat(0x7fffffff)))
  const odd = i32x4.neg(v128.and(y, i32x4.splat(1)))
  return v128.xor(v128.xor(shifted, i32x4.shr_u(y, 1)), v128.and(odd, i32x4.splat(0x9908b0df)))
}

// @ts-ignore: decorator
@inline
function tempered(word: v128): v128 {
  let y = v128.xor(word, i32x4.shr_u(word, 11))
  y = v128.xor(y, v128.and(i32x4.shl(y, 7), i32x4.splat(0x9d2c5680)))
  y = v128.xor(y, v128.and(i32x4.shl(y, 15), i32x4.splat(0xefc60000)))
  return v128.xor(y, i32x4.shr_u(y, 18))
}

/** The next state; `state` ends with room for one more vector. */
function twist(state: usize): void {
  for (let i = 0; i < STATE_SIZE; i += 4) {
    const at = state + (<usize>i << 2)
    // Words behind the last are the first ones, which are new by then.
    if (i + 4 == STATE_SIZE) store<u32>(state + STATE_SIZE * 4, load<u32>(state))
    let shifted: v128
    if (i + 4 + SHIFT <= STATE_SIZE) shifted = v128.load(at, SHIFT * 4)
    else if (i + SHIFT >= STATE_SIZE) shifted = v128.load(at - (STATE_SIZE - SHIFT) * 4)
    else {
      shifted = v128.load32_zero(at, SHIFT * 4)
      shifted = v128.load32_lane(at, shifted, 1, SHIFT * 4 + 4)
      shifted = v128.load32_lane(at, shifted, 2, SHIFT * 4 + 8)
      shifted = v128.load32_lane(state, shifted, 3)
    }
    v128.store(at, twisted(v128.load(at), v128.load(at, 4), shifted))
  }
}

/**
 * torch.rand: `count` uniform float32 of 24 bits each from word `position` of a state on, which goes on. Returns the new
 * position. `state` has room for a vector behind its words; count may be any number.
 */
export function uniform24(state: usize, position: i32, target: usize, count: i32): i32 {
  const unit = f32x4.splat(1.0 / 16777216.0)
  const low = i32x4.splat(0xffffff)
  for (let done = 0; done < count; ) {
    if (position == STATE_SIZE) {
      twist(state)
      position = 0
    }
    const length = min(count - done, STATE_SIZE - position)
    const from = state + (<usize>position << 2)
    const to = target + (<usize>done << 2)
    // What is read behind the words and written behind the numbers comes to nothing: the next ones go there.
    for (let i = 0; i < length; i += 4) {
      const words = v128.and(tempered(v128.load(from + (<usize>i << 2))), low)
      v128.store(to + (<usize>i << 2), f32x4.mul(f32x4.convert_i32x4_u(words), unit))
    }
    position += length
    done += length
  }
  return position
}
