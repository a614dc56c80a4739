package stack

import "strconv"

// The properties that are neither text nor lists, nor messages. Nil leaves one out.
type (
	// Boolean is made by Bool, or is a Token.
	Boolean interface{ boolean() }
	// Integer is made by Int, or is a Token.
	Integer interface{ integer() }
	// LongInteger is one of Google's 64-bit integers, which its JSON writes as strings. It is made by Long, or is a Token.
	LongInteger interface{ longInteger() }
	// Float is made by Number, or is a Token.
	Float interface{ float() }
)

// Token is what an attribute or a function gives, for a property that is no text:
// `stack.Token(instance.Attribute("settings.dataDiskSizeGb"))`.
type Token string

func (Token) boolean()     {}
func (Token) integer()     {}
func (Token) longInteger() {}
func (Token) number()      {}

type boolean bool

func (boolean) boolean() {}

// Bool is a truth value.
func Bool(value bool) Boolean { return boolean(value) }

type integer int64

func (integer) integer() {}

// Int is a whole number.
func Int(value int64) Integer { return integer(value) }

type longInteger int64

func (longInteger) longInteger() {}

// MarshalJSON writes the digits as a string.
func (it longInteger) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatInt(int64(it), 10) + `"`), nil
}

// Long is a whole number of 64 bits.
func Long(value int64) LongInteger { return longInteger(value) }

type float float64

func (float) float() {}

// Number is a number.
func Number(value float64) Float { return float(value) }
