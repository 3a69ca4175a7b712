//! Crafted pieces in bare wasmtime: they must do what their tests believe, before any host is blamed.

use wasmtime::component::{Component, Instance, Linker, ResourceTable, Val};
use wasmtime::{Engine, Store};

use super::{residue, versioned, well_behaved};

/// Calls `describe` and `run` in one instance and returns both texts.
fn call(bytes: &[u8]) -> wasmtime::Result<(String, String)> {
    call_times(bytes, 1)
}

/// The same with `run` called this many times.
fn call_times(bytes: &[u8], times: usize) -> wasmtime::Result<(String, String)> {
    let engine = Engine::default();
    let component = Component::from_binary(&engine, bytes)?;
    let mut store = Store::new(&engine, ResourceTable::new());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let Val::String(document) = call_export(&mut store, &instance, "leno:piece/metadata@0.1.0", "describe", &[])?
    else {
        panic!("not a string")
    };
    let args = [Val::String("run".into()), Val::String("{}".into())];
    let mut answer = Val::Bool(false);
    for _ in 0..times {
        answer = call_export(&mut store, &instance, "leno:piece/actions@0.1.0", "run", &args)?;
    }
    let Val::Result(Ok(Some(output))) = answer else { panic!("not a success: {answer:?}") };
    let Val::String(output) = *output else { panic!("not a string: {output:?}") };
    Ok((document, output))
}

fn call_export(
    store: &mut Store<ResourceTable>,
    instance: &Instance,
    interface: &str,
    function: &str,
    args: &[Val],
) -> wasmtime::Result<Val> {
    let interface = instance.get_export_index(&mut *store, None, interface).expect("the interface is there");
    let index = instance.get_export_index(&mut *store, Some(&interface), function).expect("the function is there");
    let function = instance.get_func(&mut *store, index).expect("it is a function");
    let mut answer = [Val::Bool(false)];
    function.call(&mut *store, args, &mut answer)?;
    let [answer] = answer;
    Ok(answer)
}

#[test]
fn a_well_behaved_piece_describes_itself_and_runs() {
    let (document, output) = call(&well_behaved("quiet")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["name"], output.as_str()), (&"quiet".into(), super::OK));
}

#[test]
fn a_versioned_piece_tells_its_marker_from_code_and_from_data() {
    let (document, output) = call(&versioned::versioned("twin", "1.2.3", "marker-7").padded(1000).component()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["version"], &document["displayName"]), (&"1.2.3".into(), &"marker-7".into()));
    assert_eq!(output, r#"{"code":"marker-7","data":"marker-7"}"#);
}

#[test]
fn a_crafted_misuse_of_values_traps_or_answers_more_than_it_may() {
    for crafted in super::values::all().into_iter().filter(|crafted| crafted.code == "guest_trap") {
        // Those that import something cannot be linked here.
        let Ok(component) = wit_component::decode(&crafted.bytes) else { panic!("{}", crafted.name) };
        let wit_component::DecodedWasm::Component(resolve, world) = component else { panic!("{}", crafted.name) };
        if resolve.worlds[world].imports.len() == 1 {
            assert!(call(&crafted.bytes).is_err(), "{}", crafted.name);
        }
    }
}

#[test]
fn a_piece_that_looks_for_residue_finds_that_of_its_own_instance_only() {
    let bytes = residue::residue("residue");
    assert_eq!(call(&bytes).unwrap().1, residue::CLEAN);
    assert!(call_times(&bytes, 2).is_err());
}
