package rule

import "math"

// arithmetic makes a converter of two operands; the second is a number or a
// variable, and the converter fails when that variable is not set.
func arithmetic(op func(a, b int64) int64) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		a, ok := s.number()
		if !ok {
			return false
		}
		b := args[0].num
		if !args[0].number {
			v := x.Vars.find(args[0].text)
			if v == nil {
				return false
			}
			if b, ok = v.number(); !ok {
				return false
			}
		}
		return s.setInt(op(a, b))
	}
}

func unary(op func(a int64) int64) evalFunc {
	return func(_ *Ctx, _ []arg, s *Sample) bool {
		a, ok := s.number()
		return ok && s.setInt(op(a))
	}
}

func truthOf(op func(a int64) bool) evalFunc {
	return func(_ *Ctx, _ []arg, s *Sample) bool {
		a, ok := s.number()
		return ok && s.setBool(op(a))
	}
}

func convBool(_ *Ctx, _ []arg, s *Sample) bool {
	n, ok := s.number()
	return ok && s.setBool(n != 0)
}

func saturatedAdd(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

func saturatedSub(a, b int64) int64 {
	switch {
	case b < 0 && a > math.MaxInt64+b:
		return math.MaxInt64
	case b > 0 && a < math.MinInt64+b:
		return math.MinInt64
	}
	return a - b
}

func saturatedMul(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	c := a * b
	if c/b != a || a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
		if (a < 0) == (b < 0) {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return c
}

func saturatedDiv(a, b int64) int64 {
	if b == 0 || a == math.MinInt64 && b == -1 {
		return math.MaxInt64
	}
	return a / b
}

func saturatedMod(a, b int64) int64 {
	if b == 0 || b == -1 {
		return 0
	}
	return a % b
}
