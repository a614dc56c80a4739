package wit

import (
	"reflect"
	"strings"
	"testing"
)

// fake is a memory in which both sides meet.
type fake struct{ bytes []byte }

func (it *fake) allocate(size, align uint32) (uint32, []byte) {
	at := aligned(uint32(len(it.bytes)), align)
	// What was given before must stay where it is.
	if int(at+size) > cap(it.bytes) {
		panic("the fake memory is full")
	}
	it.bytes = it.bytes[:at+size]
	return at, it.bytes[at : at+size]
}

func (it *fake) received(address, length uint32) []byte { return it.bytes[address:][:length] }

func newFake() *fake { return &fake{make([]byte, 8, 1<<16)} }

type shape struct {
	Point  *Nothing
	Circle *float64
	Name   *string
}

func (shape) IsVariant() {}

type colour uint8

type everything struct {
	Yes      bool
	Small    int8
	Wide     uint64
	Single   float32
	Letter   rune
	Text     string
	Colour   colour
	Some     *Pair[int16, string]
	None     *uint32
	Twice    **uint8
	List     []everythingElse
	Shapes   []shape
	Fails    Result[Nothing, string]
	Succeeds Result[uint16, Nothing]
}

type everythingElse struct {
	Words []string
	Last  int64
}

func pointer[T any](value T) *T { return &value }

func TestAValueIsWhatItWasStoredAs(t *testing.T) {
	none := (*uint8)(nil)
	for _, twice := range []**uint8{nil, &none, pointer(pointer(uint8(7)))} {
		value := everything{
			Yes: true, Small: -2, Wide: 1<<63 + 5, Single: 0.25, Letter: 'ß', Text: "Grüße", Colour: 3,
			Some:   &Pair[int16, string]{-300, "two"},
			Twice:  twice,
			List:   []everythingElse{{[]string{"a", ""}, -1}, {[]string{}, 1 << 40}},
			Shapes: []shape{{Point: &Nothing{}}, {Circle: pointer(1.5)}, {Name: pointer("n")}},
			Fails:  Result[Nothing, string]{Err: pointer("no")}, Succeeds: Result[uint16, Nothing]{Ok: pointer(uint16(9))},
		}
		memory := newFake()
		is := layoutOf(reflect.TypeFor[everything]())
		address := stored(memory, reflect.ValueOf(value))
		var again everything
		load(memory, memory.received(uint32(address), is.size), reflect.ValueOf(&again).Elem())
		if !reflect.DeepEqual(again, value) {
			t.Errorf("%+v\n%+v", again, value)
		}
	}
}

// The sizes are those of the component model's canonical ABI, worked out by hand.
func TestLayoutsAreThoseOfTheCanonicalABI(t *testing.T) {
	for _, it := range []struct {
		value any
		is    layout
	}{
		{false, layout{1, 1, 1}},
		{"", layout{8, 4, 2}},
		{Pair[uint8, uint32]{}, layout{8, 4, 2}},
		{Pair[uint32, uint8]{}, layout{8, 4, 2}},
		{(*uint8)(nil), layout{2, 1, 2}},
		{(*uint64)(nil), layout{16, 8, 2}},
		{(*string)(nil), layout{12, 4, 3}},
		{shape{}, layout{16, 8, 3}},
		{Result[Nothing, Nothing]{}, layout{1, 1, 1}},
		{Result[Nothing, string]{}, layout{12, 4, 3}},
		{Nothing{}, layout{0, 1, 0}},
	} {
		if is := layoutOf(reflect.TypeOf(it.value)); is != it.is {
			t.Errorf("%T: %v, not %v", it.value, is, it.is)
		}
	}
}

func TestFewArgumentsAreCoreValues(t *testing.T) {
	memory := newFake()
	number := call[int8](memory, func(core []uint64) uint64 {
		// The bits of -1 in 16 bits, as a number of 32; a list; an option with room for what it does not hold.
		if core[0] != 1<<32-1 || core[2] != 2 || core[3] != 0 || core[4] != 0 || core[5] != 0 || len(core) != 6 {
			t.Error(core)
		}
		if items := memory.received(uint32(core[1]), 4); items[0] != 1 || items[2] != 2 {
			t.Error(items)
		}
		return 1<<32 - 5
	}, []any{int16(-1), []uint16{1, 2}, (*string)(nil)})
	if number != -5 {
		t.Error(number)
	}
}

func TestManyArgumentsAndLargeResultsGoThroughMemory(t *testing.T) {
	memory := newFake()
	arguments := []any{}
	for range 17 {
		arguments = append(arguments, uint8(1), uint32(2))
	}
	text := call[Result[string, string]](memory, func(core []uint64) uint64 {
		if len(core) != 2 {
			t.Fatal(core)
		}
		if record := memory.received(uint32(core[0]), 17*8); record[17*8-8] != 1 || record[17*8-4] != 2 {
			t.Error(record)
		}
		address := stored(memory, reflect.ValueOf("wrong"))
		result := memory.received(uint32(core[1]), 12)
		put(result[:1], 1)
		copy(result[4:12], memory.received(uint32(address), 8))
		return 0
	}, arguments)
	if _, err := Outcome(text); err == nil || err.Error() != "wrong" {
		t.Error(err)
	}
}

func TestAnErrorThatIsNoSentenceIsKept(t *testing.T) {
	_, err := Outcome(Result[Nothing, colour]{Err: pointer(colour(2))})
	if failure, is := err.(Failure[colour]); !is || failure.Value != 2 {
		t.Error(err)
	}
	if number, err := Outcome(Result[int, string]{Ok: pointer(4)}); number != 4 || err != nil {
		t.Error(number, err)
	}
}

func TestAVariantNeedsACase(t *testing.T) {
	defer func() {
		if reason, _ := recover().(string); !strings.Contains(reason, "None of the cases of a wit.shape is given.") {
			t.Error(reason)
		}
	}()
	stored(newFake(), reflect.ValueOf(shape{}))
}
