//! `predict`: scores a trained model, a logistic regression or boosted trees.
//!
//! `{"intercept": -1.5, "weights": [0.2, 3]}` is a logistic regression. `{"base": 0, "trees": [NODE, ...]}` adds the leaves of trees, where a NODE
//! is `{"leaf": 0.3}` or `{"feature": 0, "below": 10.5, "then": NODE, "else": NODE}`: `then` where the feature is below. The
//! result is the logistic function of the sum, a probability; with `"link": "identity"` the sum itself.
//!
//! A query gives the model as such a text, or as the name of an asset that the plugin's sidecar gives it; a constant, read once.

use waterwheel_udf::math::exp;
use waterwheel_udf::{host, scalar};

use crate::json::{Json, parse};

/// Nodes of all trees together.
const NODES_MAX: usize = 65_536;

/// A model that is ready to be used.
#[derive(Debug)]
pub struct Model {
    base: f64,
    weights: Vec<f64>,
    /// Nodes of all trees; the children of a node come after it.
    nodes: Vec<Node>,
    roots: Vec<usize>,
    /// How many features it looks at.
    features: usize,
    logistic: bool,
}

#[derive(Debug)]
enum Node {
    Leaf(f64),
    Split {
        feature: usize,
        below: f64,
        then: usize,
        other: usize,
    },
}

impl Model {
    /// The model in a text, or in the asset of that name.
    fn of(given: &str) -> Result<Model, String> {
        if given.trim_start().starts_with('{') {
            Model::read(given)
        } else {
            Model::read(&host::asset_text(given)?)
        }
    }

    fn read(text: &str) -> Result<Model, String> {
        let json = parse(text)?;
        let number = |name: &str| match json.get(name) {
            None => Ok(0.0),
            Some(value) => value.number().ok_or(format!("{name} of the model is not a number")),
        };
        let mut model = Model {
            base: number("intercept")? + number("base")?,
            weights: Vec::new(),
            nodes: Vec::new(),
            roots: Vec::new(),
            features: 0,
            logistic: match json.get("link") {
                None => true,
                Some(Json::Text(link)) if link == "logistic" => true,
                Some(Json::Text(link)) if link == "identity" => false,
                Some(_) => return Err("link of the model is neither logistic nor identity".into()),
            },
        };
        match (json.get("weights").map(Json::array), json.get("trees").map(Json::array)) {
            (Some(Some(weights)), None) => {
                model.weights = (weights.iter().map(Json::number))
                    .collect::<Option<_>>()
                    .ok_or("weights of the model are not numbers")?;
                model.features = model.weights.len();
            }
            (None, Some(Some(trees))) => {
                for tree in trees {
                    let root = model.node(tree)?;
                    model.roots.push(root);
                }
            }
            _ => return Err("the model needs an array, either of weights or of trees".into()),
        }
        Ok(model)
    }

    fn node(&mut self, json: &Json) -> Result<usize, String> {
        let at = self.nodes.len();
        if at == NODES_MAX {
            return Err(format!("the model has more than {NODES_MAX} nodes"));
        }
        if let Some(leaf) = json.get("leaf") {
            self.nodes
                .push(Node::Leaf(leaf.number().ok_or("a leaf is not a number")?));
            return Ok(at);
        }
        let number = |name: &str| {
            let value = json.get(name).and_then(Json::number);
            value.ok_or(format!("a node of the model has no number '{name}'"))
        };
        let child = |name: &str| json.get(name).ok_or(format!("a node of the model has no '{name}'"));
        let (feature, below) = (number("feature")?, number("below")?);
        if !(0.0..1_000.0).contains(&feature) || feature.fract() != 0.0 {
            return Err(format!(
                "a node of the model has the feature {feature}: it must be 0 to 999"
            ));
        }
        let feature = feature as usize;
        self.features = self.features.max(feature + 1);
        self.nodes.push(Node::Leaf(0.0));
        let then = self.node(child("then")?)?;
        let other = self.node(child("else")?)?;
        self.nodes[at] = Node::Split {
            feature,
            below,
            then,
            other,
        };
        Ok(at)
    }

    fn predict(&self, features: &[f64]) -> Result<f64, String> {
        let exact = !self.weights.is_empty();
        if features.len() < self.features || (exact && features.len() > self.features) {
            return Err(format!(
                "{} features were given, the model has {}",
                features.len(),
                self.features
            ));
        }
        let weighted: f64 = self.weights.iter().zip(features).map(|(w, x)| w * x).sum();
        let mut sum = self.base + weighted;
        for root in &self.roots {
            let mut at = *root;
            sum += loop {
                match &self.nodes[at] {
                    Node::Leaf(value) => break value,
                    Node::Split {
                        feature,
                        below,
                        then,
                        other,
                    } => at = if features[*feature] < *below { *then } else { *other },
                }
            };
        }
        Ok(if self.logistic { 1.0 / (1.0 + exp(-sum)) } else { sum })
    }
}

/// what a trained model (JSON, or the name of an asset: logistic regression or boosted trees) says of features, from 0 to 1
#[scalar(start = Model::of)]
pub fn predict(made: &Model, #[constant] _model: &str, #[variadic] features: Vec<f64>) -> Result<f64, String> {
    made.predict(&features)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predict(model: &str, features: Vec<f64>) -> Result<f64, String> {
        super::predict(&Model::of(model)?, model, features)
    }

    #[test]
    fn scores_a_logistic_regression() {
        let model = r#"{"intercept": -1, "weights": [2, 0.5]}"#;
        assert_eq!(predict(model, vec![0.25, 1.0]), Ok(0.5));
        let p = predict(model, vec![1.0, 2.0]).unwrap();
        assert!((p - 1.0 / (1.0 + (-2.0f64).exp())).abs() < 1e-15);
        assert!(predict(model, vec![1.0]).is_err() && predict(model, vec![1.0; 3]).is_err());
    }

    #[test]
    fn scores_trees() {
        let model = r#"{"link": "identity", "base": 10, "trees": [
            {"feature": 0, "below": 5, "then": {"leaf": 1}, "else": {"feature": 1, "below": 0, "then": {"leaf": 2}, "else": {"leaf": 3}}},
            {"leaf": 0.5}]}"#;
        assert_eq!(predict(model, vec![4.0, 0.0]), Ok(11.5));
        assert_eq!(predict(model, vec![5.0, -1.0]), Ok(12.5));
        assert_eq!(predict(model, vec![5.0, 0.0, 9.0]), Ok(13.5));
        assert!(predict(model, vec![5.0]).is_err());
    }

    #[test]
    fn a_bad_model_is_refused() {
        for model in [
            "",
            "{}",
            r#"{"weights": ["a"]}"#,
            r#"{"trees": [{"feature": 1}]}"#,
            r#"{"weights": [1], "trees": []}"#,
        ] {
            assert!(Model::of(model).is_err(), "{model}");
        }
    }
}
