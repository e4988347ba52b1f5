//! From a request's tensors to a call that fits its signature, or the text that says why not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::{Call, Signature};
use crate::error::RequestError;
use crate::tensor::{Tensor, type_name};

impl Call {
    /// Checks names, number and types of the inputs and the names of the outputs; fills in the signature's defaults.
    /// Shapes are for the engine to judge: TensorFlow Serving does not compare them with the signature either.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with TensorFlow Serving's text.
    pub fn new(
        name: &str,
        signature: &Signature,
        mut inputs: BTreeMap<String, Tensor>,
        filter: &[String],
    ) -> Result<Self, RequestError> {
        check_names(signature, &inputs)?;
        for (alias, tensor) in &signature.defaults {
            inputs.entry(alias.clone()).or_insert_with(|| tensor.clone());
        }
        for (index, (alias, spec)) in signature.inputs.iter().enumerate() {
            let sent = inputs[alias].dtype();
            if sent != spec.dtype {
                return Err(RequestError::invalid(format!(
                    "Expects arg[{index}] to be {} but {} is provided",
                    type_name(spec.dtype),
                    type_name(sent)
                )));
            }
        }
        Ok(Self {
            signature: name.to_owned(),
            inputs,
            outputs: outputs(signature, filter)?,
            deadline: None,
        })
    }

    /// The same call, for somebody who waits until `deadline` only.
    #[must_use]
    pub fn until(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }
}

fn check_names(signature: &Signature, inputs: &BTreeMap<String, Tensor>) -> Result<(), RequestError> {
    let (sent, known) = (inputs.keys(), signature.inputs.keys());
    let extra: Vec<&str> = sent
        .clone()
        .filter(|alias| !signature.inputs.contains_key(*alias))
        .map(String::as_str)
        .collect();
    let missing: Vec<&str> = known
        .clone()
        .filter(|alias| !inputs.contains_key(*alias) && !signature.defaults.contains_key(*alias))
        .map(String::as_str)
        .collect();
    let too_few = inputs.len() < signature.inputs.len() && signature.defaults.is_empty();
    if inputs.len() > signature.inputs.len() || too_few {
        let join = |names: Vec<&str>| names.join(",");
        return Err(RequestError::invalid(format!(
            "input size does not match signature: {}!={} len({{{}}}) != len({{{}}}). Sent extra: {{{}}}. Missing but \
             required: {{{}}}.",
            inputs.len(),
            signature.inputs.len(),
            join(sent.map(String::as_str).collect()),
            join(known.map(String::as_str).collect()),
            join(extra),
            join(missing)
        )));
    }
    if let Some(alias) = missing.first() {
        let list = |names: Vec<&str>| names.join(",");
        return Err(RequestError::invalid(format!(
            "Signature input alias: {alias}(feed name: {}) not found in request and no default value provided. Inputs \
             expected to be in the request {{{}}}, or default input alias set: {{{}}}",
            signature.inputs[*alias].name,
            list(signature.inputs.keys().map(String::as_str).collect()),
            list(signature.defaults.keys().map(String::as_str).collect())
        )));
    }
    if let Some(alias) = extra.first() {
        return Err(RequestError::invalid(format!(
            "Inputs contains invalid name. Used request inputs: {{{}}}, request input: {alias}",
            sent.filter(|alias| signature.inputs.contains_key(*alias))
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(",")
        )));
    }
    Ok(())
}

fn outputs(signature: &Signature, filter: &[String]) -> Result<Vec<String>, RequestError> {
    if filter.is_empty() {
        return Ok(signature.outputs.keys().cloned().collect());
    }
    let mut seen = BTreeSet::new();
    for alias in filter {
        if !signature.outputs.contains_key(alias) {
            let known: Vec<&str> = signature.outputs.keys().map(String::as_str).collect();
            return Err(RequestError::invalid(format!(
                "output tensor alias not found in signature: {alias} Outputs expected to be in the set {{{}}}.",
                known.join(",")
            )));
        }
        if !seen.insert(alias) {
            return Err(RequestError::invalid(format!(
                "duplicate output tensor alias: {alias}"
            )));
        }
    }
    Ok(filter.to_vec())
}

#[cfg(test)]
mod tests {
    use strongroom_api::serving::DataType;

    use super::*;
    use crate::engine::TensorSpec;
    use crate::tensor::Data;

    fn specs(names: &[&str]) -> BTreeMap<String, TensorSpec> {
        let spec = |name: &&str| TensorSpec {
            name: format!("{name}:0"),
            dtype: DataType::DtFloat,
            shape: None,
        };
        names
            .iter()
            .map(|name| ((*name).to_owned(), spec(name)))
            .collect()
    }

    fn float() -> Tensor {
        Tensor::new(vec![], Data::Float(vec![1.0])).expect("a scalar")
    }

    fn check(signature: &Signature, inputs: &[&str], filter: &[&str], expected: Result<&[&str], &str>) {
        let inputs = inputs.iter().map(|name| ((*name).to_owned(), float())).collect();
        let filter: Vec<String> = filter.iter().map(|name| (*name).to_owned()).collect();
        let found = Call::new("serving_default", signature, inputs, &filter).map(|call| call.outputs);
        assert_eq!(
            found.as_deref().map_err(RequestError::message),
            expected
                .map(|names| { names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>() })
                .as_deref()
                .map_err(|text| *text)
        );
    }

    #[test]
    fn refuses_with_the_texts_that_clients_know() {
        let signature = Signature::predict(specs(&["a", "b"]), specs(&["y", "z"]));
        check(&signature, &["a", "b"], &[], Ok(&["y", "z"]));
        check(&signature, &["a", "b"], &["z"], Ok(&["z"]));
        check(
            &signature,
            &["a", "c", "d"],
            &[],
            Err(
                "input size does not match signature: 3!=2 len({a,c,d}) != len({a,b}). Sent extra: {c,d}. Missing \
                 but required: {b}.",
            ),
        );
        check(
            &signature,
            &["a"],
            &[],
            Err(
                "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but \
                 required: {b}.",
            ),
        );
        check(
            &signature,
            &["a", "c"],
            &[],
            Err(
                "Signature input alias: b(feed name: b:0) not found in request and no default value provided. Inputs \
                 expected to be in the request {a,b}, or default input alias set: {}",
            ),
        );
        check(
            &signature,
            &["a", "b"],
            &["q"],
            Err("output tensor alias not found in signature: q Outputs expected to be in the set {y,z}."),
        );
        check(
            &signature,
            &["a", "b"],
            &["y", "y"],
            Err("duplicate output tensor alias: y"),
        );
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let mut signature = Signature::predict(specs(&["a", "b"]), specs(&["y"]));
        signature.defaults.insert("b".to_owned(), float());
        check(&signature, &["a"], &[], Ok(&["y"]));
        check(
            &signature,
            &["a", "c"],
            &[],
            Err("Inputs contains invalid name. Used request inputs: {a}, request input: c"),
        );
    }

    #[test]
    fn refuses_another_type() {
        let signature = Signature::predict(specs(&["a"]), specs(&["y"]));
        let wrong = Tensor::new(vec![], Data::String(vec![bytes::Bytes::new()])).expect("a scalar");
        let refused = Call::new(
            "serving_default",
            &signature,
            BTreeMap::from([("a".to_owned(), wrong)]),
            &[],
        );
        let message = refused.expect_err("another type");
        assert_eq!(
            message.message(),
            "Expects arg[0] to be float but string is provided"
        );
    }
}
