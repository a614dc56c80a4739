(component
    (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
    (import "wasi:clocks/wall-clock@0.2.0" (instance $clock
        (type $datetime (record (field "seconds" u64) (field "nanoseconds" u32)))
        (export "datetime" (type $exported (eq $datetime)))
        (export "now" (func (result $exported)))))
    (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
    (import "acme:numbers/source@0.1.0" (instance))
    (core func $number (canon lower (func $random "get-random-u64")))
    (core module $module
        (import "random" "number" (func $number (result i64)))
        (memory (export "memory") 1)
        (func (export "run") (result i32) (drop (call $number)) (i32.const 0)))
    (core instance $instance (instantiate $module
        (with "random" (instance (export "number" (func $number))))))
    (alias core export $instance "memory" (core memory $memory))
    (func (export "run") (result (result (error string)))
        (canon lift (core func $instance "run") (memory $memory))))
