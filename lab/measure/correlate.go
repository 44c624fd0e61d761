package measure

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// fft transforms in place; the length is a power of two.
func fft(a []complex128, inverse bool) {
	n := len(a)
	shift := 64 - uint(bits.TrailingZeros(uint(n)))
	for i := range a {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			a[i], a[j] = a[j], a[i]
		}
	}
	sign := -1.0
	if inverse {
		sign = 1
	}
	for size := 2; size <= n; size *= 2 {
		step := cmplx.Exp(complex(0, sign*2*math.Pi/float64(size)))
		for from := 0; from < n; from += size {
			w := complex(1, 0)
			for k := range size / 2 {
				u, v := a[from+k], a[from+k+size/2]*w
				a[from+k], a[from+k+size/2] = u+v, u-v
				w *= step
			}
		}
	}
}

// locate slides ref over sig and returns where it fits best and how well: the
// normalised correlation, 1 for an exact copy at any loudness.
func locate(sig, ref []float64) (at int, fit float64) {
	if len(ref) == 0 || len(sig) < len(ref) {
		return 0, 0
	}
	n := 1 << bits.Len(uint(len(sig)+len(ref)))
	a, b := make([]complex128, n), make([]complex128, n)
	for i, x := range sig {
		a[i] = complex(x, 0)
	}
	energy := 0.0
	for i, x := range ref {
		b[i] = complex(x, 0)
		energy += x * x
	}
	fft(a, false)
	fft(b, false)
	for i := range a {
		a[i] *= cmplx.Conj(b[i])
	}
	fft(a, true)
	window := 0.0 // energy of sig under ref
	for _, x := range sig[:len(ref)] {
		window += x * x
	}
	floor := energy * 1e-6
	for lag := 0; lag+len(ref) <= len(sig); lag++ {
		if c := real(a[lag]) / float64(n) / math.Sqrt(energy*math.Max(window, floor)); c > fit {
			at, fit = lag, c
		}
		if end := lag + len(ref); end < len(sig) {
			window += sig[end]*sig[end] - sig[lag]*sig[lag]
		}
	}
	return at, fit
}
