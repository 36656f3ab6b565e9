// What clients of the cluster make of an object: kstatus, which Flux, Helm and kpt wait by, and Argo CD's health scripts.
//
// It reads a JSON array of objects and prints a JSON array of {"status", "message"}:
//
//	kstatus             by sigs.k8s.io/cli-utils
//	kstatus SCRIPT.lua  by a health script, in the language and with the libraries that Argo CD gives it
package main

import (
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	judge := byKstatus
	if len(arguments) == 1 {
		script, err := os.ReadFile(arguments[0])
		if err != nil {
			return err
		}
		judge = func(object map[string]any) (verdict, error) { return byScript(string(script), object) }
	}
	var objects []map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return err
	}
	verdicts := make([]verdict, len(objects))
	for index, object := range objects {
		var err error
		if verdicts[index], err = judge(object); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func byKstatus(object map[string]any) (verdict, error) {
	// The library wants integers where encoding/json gives floats.
	content, err := json.Marshal(object)
	if err != nil {
		return verdict{}, err
	}
	typed := &unstructured.Unstructured{}
	if err := typed.UnmarshalJSON(content); err != nil {
		return verdict{}, err
	}
	found, err := status.Compute(typed)
	if err != nil {
		return verdict{}, err
	}
	return verdict{found.Status.String(), found.Message}, nil
}

func byScript(script string, object map[string]any) (verdict, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	// Those that Argo CD opens unless resource.customizations.useOpenLibs says otherwise; string and math are not among them.
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return verdict{}, err
		}
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return verdict{}, err
	}
	health, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return verdict{}, fmt.Errorf("the script returned %s, not a table", state.Get(-1).Type())
	}
	return verdict{text(health, "status"), text(health, "message")}, nil
}

func text(table *lua.LTable, name string) string {
	value, isString := table.RawGetString(name).(lua.LString)
	if !isString {
		return ""
	}
	return string(value)
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch typed := value.(type) {
	case string:
		return lua.LString(typed)
	case float64:
		return lua.LNumber(typed)
	case bool:
		return lua.LBool(typed)
	case []any:
		table := state.CreateTable(len(typed), 0)
		for _, one := range typed {
			table.Append(toLua(state, one))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(typed))
		for name, one := range typed {
			table.RawSetString(name, toLua(state, one))
		}
		return table
	default:
		return lua.LNil
	}
}
