(component
    (core module $module
        (memory (export "memory") 1)
        (func (export "run") (result i32) (i32.const 0)))
    (core instance $instance (instantiate $module))
    (alias core export $instance "memory" (core memory $memory))
    (func (export "run") (result (result (error string)))
        (canon lift (core func $instance "run") (memory $memory))))
