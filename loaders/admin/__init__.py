"""Console pages of loaders, versions and source databases; `loaderportal.admin` registers them."""
