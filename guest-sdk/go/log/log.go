// Package log holds messages for the person who runs the stack.
package log

import "mlflow-host/stack/internal/contract"

// Debug writes a message that is shown when asked for.
func Debug(message string) { contract.Current().Log(contract.Debug, message) }

// Info writes a message that is good to know.
func Info(message string) { contract.Current().Log(contract.Information, message) }

// Warning writes a message that is worth a look.
func Warning(message string) { contract.Current().Log(contract.Warning, message) }

// Error writes a message that something failed. The run goes on; return an error to end it.
func Error(message string) { contract.Current().Log(contract.Failure, message) }
