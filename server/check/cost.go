package check

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A cost is what it takes to compute a hash, roughly.
type cost struct {
	memory  int64   // bytes; 0 if it is not worth counting
	seconds float64 // of an ordinary processor
}

// costOf reads the cost from a hash in its canonical form. Whoever chose the
// parameters of a hash has chosen them for all who guess at it.
func costOf(hash string) (cost, error) {
	parts := strings.Split(hash, "$")
	if len(parts) < 4 || parts[0] != "" {
		return cost{}, errors.New("has no known format")
	}
	kind := parts[1]
	switch {
	case kind == "5" || kind == "6":
		rounds := 5000.0
		if n, ok := strings.CutPrefix(parts[2], "rounds="); ok {
			rounds = number(n)
		}
		return cost{seconds: rounds / 2e6}, nil
	case strings.HasPrefix(kind, "pbkdf2"):
		return cost{seconds: number(parts[2]) / 1e6}, nil
	case kind == "bcrypt-sha256":
		return cost{seconds: bcryptSeconds(parameter(parts[2], "r"))}, nil
	case strings.HasPrefix(kind, "2"):
		return cost{seconds: bcryptSeconds(number(parts[2]))}, nil
	case strings.HasPrefix(kind, "argon2"):
		return argon2Cost(parts[3])
	case kind == "scrypt":
		return scryptCost(parameter(parts[2], "ln"), parameter(parts[2], "r"), parameter(parts[2], "p"))
	case kind == "y" && len(parts[2]) == 3:
		digit := func(b byte) float64 { return float64(strings.IndexByte(base64Crypt, b) + 1) }
		return scryptCost(digit(parts[2][1]), digit(parts[2][2]), 1)
	}
	return cost{}, fmt.Errorf("has no known format")
}

// base64Crypt are the digits of crypt(3).
const base64Crypt = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func bcryptSeconds(log float64) float64 { return math.Exp2(log) * 61e-6 }

func argon2Cost(parameters string) (cost, error) {
	m, t, p := parameter(parameters, "m"), parameter(parameters, "t"), parameter(parameters, "p")
	if p > 64 {
		return cost{}, fmt.Errorf("asks for %.0f threads, and may use 64", p)
	}
	kib := max(m, 8*p)
	return cost{memory: int64(kib) << 10, seconds: kib * t / (1 << 20)}, nil
}

func scryptCost(ln, r, p float64) (cost, error) {
	if ln > 30 || r > 1<<20 || p > 1<<20 {
		return cost{}, errors.New("asks for more memory than there is")
	}
	bytes := 128 * r * (math.Exp2(ln) + p + 2)
	return cost{memory: int64(bytes), seconds: 128 * r * math.Exp2(ln) * p / (1 << 29)}, nil
}

// parameter returns a number of "name=1,other=2"; infinity if it has none.
func parameter(list, name string) float64 {
	for part := range strings.SplitSeq(list, ",") {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			return number(value)
		}
	}
	return math.Inf(1)
}

// number parses one that is written in a hash; infinity if it is none.
func number(s string) float64 {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return math.Inf(1)
	}
	return float64(n)
}
