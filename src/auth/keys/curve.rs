//! Whether a public key is a point of its curve. A signature library may find that out only when it
//! checks a signature, and then says no more than that the signature is wrong.
//!
//! Only for public values: how long this takes depends on them.

/// The curves of ECDSA that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    /// The bytes of a coordinate.
    pub(super) fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Do these coordinates fulfil y² = x³ - 3x + b (SEC 1, section 3.2.2.1)? All have a prime
    /// order, so that every such point generates all of it.
    pub(super) fn has(self, x: &[u8], y: &[u8]) -> bool {
        let (p, b) = match self {
            Self::P256 => (P256, P256_B),
            Self::P384 => (P384, P384_B),
            Self::P521 => (P521, P521_B),
        };
        let (Some(x), Some(y)) = (FieldElement::from_bytes(x), FieldElement::from_bytes(y)) else {
            return false;
        };
        let minus_three = p.minus(FieldElement::small(3));
        let slope = x.times(x, p).plus(minus_three, p);
        x < p && y < p && y.times(y, p) == x.times(slope, p).plus(b, p)
    }
}

/// What the bytes of an Ed25519 key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ed25519Point {
    /// A point that can be a key.
    Good,
    /// No point.
    None,
    /// One of the eight points of small order, for which anybody can make a signature.
    SmallOrder,
}

impl Ed25519Point {
    /// The point of these bytes (RFC 8032, section 5.1.3): y in little-endian, and the sign of x.
    pub(super) fn of(key: &[u8; 32]) -> Self {
        let mut bytes = *key;
        bytes.reverse();
        if let Some(first) = bytes.first_mut() {
            *first &= 0x7f;
        }
        let p = P25519;
        let Some(y) = FieldElement::from_bytes(&bytes).filter(|y| *y < p) else {
            return Self::None;
        };
        let one = FieldElement::small(1);
        let square = y.times(y, p);
        let d_square = D25519.times(square, p);
        // x² = u / v; and u / v is a square just where u v is.
        let (u, v) = (square.plus(p.minus(one), p), d_square.plus(one, p));
        if !u.times(v, p).is_square(p) {
            return Self::None;
        }
        // Its order divides 8 where y = 0 (order 4), y² = 1 (orders 1 and 2), or the double of it
        // has y = 0, which is d y⁴ + 2 y² - 1 = 0 (order 8).
        let eighth = d_square.times(square, p).plus(square, p).plus(square, p);
        if y == FieldElement::small(0) || square == one || eighth == one {
            return Self::SmallOrder;
        }
        Self::Good
    }
}

/// One limb more than 521 bits need, so that a coordinate that is too long is told from one that fits.
const LIMBS: usize = 10;

/// An unsigned number. The most significant limb is the first, so that arrays compare as numbers do.
/// Modulo a prime, numbers are below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FieldElement([u64; LIMBS]);

const P256: FieldElement =
    FieldElement::of([0xffff_ffff_0000_0001, 0, 0xffff_ffff, 0xffff_ffff_ffff_ffff]);
const P256_B: FieldElement = FieldElement::of([
    0x5ac6_35d8_aa3a_93e7,
    0xb3eb_bd55_7698_86bc,
    0x651d_06b0_cc53_b0f6,
    0x3bce_3c3e_27d2_604b,
]);
const P384: FieldElement = FieldElement::of([
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_0000_0000,
    0x0000_0000_ffff_ffff,
]);
const P384_B: FieldElement = FieldElement::of([
    0xb331_2fa7_e23e_e7e4,
    0x988e_056b_e3f8_2d19,
    0x181d_9c6e_fe81_4112,
    0x0314_088f_5013_875a,
    0xc656_398d_8a2e_d19d,
    0x2a85_c8ed_d3ec_2aef,
]);
/// 2⁵²¹ - 1.
const P521: FieldElement = FieldElement::of([
    0x01ff,
    u64::MAX,
    u64::MAX,
    u64::MAX,
    u64::MAX,
    u64::MAX,
    u64::MAX,
    u64::MAX,
    u64::MAX,
]);
const P521_B: FieldElement = FieldElement::of([
    0x0000_0000_0000_0051,
    0x953e_b961_8e1c_9a1f,
    0x929a_21a0_b685_40ee,
    0xa2da_725b_99b3_15f3,
    0xb8b4_8991_8ef1_09e1,
    0x5619_3951_ec7e_937b,
    0x1652_c0bd_3bb1_bf07,
    0x3573_df88_3d2c_34f1,
    0xef45_1fd4_6b50_3f00,
]);
const P25519: FieldElement = FieldElement::of([
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffed,
]);
/// The d of edwards25519 (RFC 8032, section 5.1).
const D25519: FieldElement = FieldElement::of([
    0x5203_6cee_2b6f_fe73,
    0x8cc7_4079_7779_e898,
    0x0070_0a4d_4141_d8ab,
    0x75eb_4dca_1359_78a3,
]);

impl FieldElement {
    /// The number of these limbs, the most significant first.
    const fn of<const N: usize>(limbs: [u64; N]) -> Self {
        let mut padded = [0; LIMBS];
        let (_, end) = padded.split_at_mut(LIMBS - N);
        end.copy_from_slice(&limbs);
        Self(padded)
    }

    const fn small(value: u64) -> Self {
        Self::of([value])
    }

    /// A big-endian number; `None` when it is longer than a coordinate.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut padded = [0; LIMBS * 8];
        let start = padded.len().checked_sub(bytes.len()).filter(|start| *start >= 8)?;
        padded.get_mut(start..)?.copy_from_slice(bytes);
        let mut limbs = [0; LIMBS];
        for (limb, chunk) in limbs.iter_mut().zip(padded.as_chunks::<8>().0) {
            *limb = u64::from_be_bytes(*chunk);
        }
        Some(Self(limbs))
    }

    /// The sum modulo `p`.
    fn plus(mut self, other: Self, p: Self) -> Self {
        let mut carry = false;
        for (limb, other) in self.0.iter_mut().zip(other.0).rev() {
            (*limb, carry) = limb.carrying_add(other, carry);
        }
        if self >= p { self.minus(p) } else { self }
    }

    /// The difference to a number that is not greater.
    fn minus(mut self, other: Self) -> Self {
        let mut borrow = false;
        for (limb, other) in self.0.iter_mut().zip(other.0).rev() {
            (*limb, borrow) = limb.borrowing_sub(other, borrow);
        }
        self
    }

    /// The product modulo `p`: doubled and added, bit by bit.
    fn times(self, other: Self, p: Self) -> Self {
        let mut product = Self::small(0);
        for limb in other.0 {
            for bit in (0..u64::BITS).rev() {
                product = product.plus(product, p);
                if limb >> bit & 1 == 1 {
                    product = product.plus(self, p);
                }
            }
        }
        product
    }

    fn half(mut self) -> Self {
        let mut carry = 0;
        for limb in &mut self.0 {
            (*limb, carry) = (*limb >> 1 | carry, *limb << 63);
        }
        self
    }

    /// The lowest three bits.
    fn low_bits(self) -> u64 {
        let [.., lowest] = self.0;
        lowest & 7
    }

    /// Is this the square of a number modulo the prime `p`? The binary Jacobi symbol says so.
    fn is_square(self, p: Self) -> bool {
        let zero = Self::small(0);
        let (mut a, mut n, mut is_positive) = (self, p, true);
        if a == zero {
            return true;
        }
        while a != zero {
            while a.low_bits() & 1 == 0 {
                a = a.half();
                is_positive ^= matches!(n.low_bits(), 3 | 5);
            }
            if a < n {
                is_positive ^= a.low_bits() & 3 == 3 && n.low_bits() & 3 == 3;
                std::mem::swap(&mut a, &mut n);
            }
            a = a.minus(n);
        }
        is_positive
    }
}
