//! Tells the sources of `src/python` which Python they are compiled for.

fn main() {
    #[cfg(feature = "python")]
    pyo3_build_config::use_pyo3_cfgs();
}
