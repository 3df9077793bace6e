terraform {
  required_version = ">= 1.5"
  required_providers {
    pavetest = {
      source = "pave-platform/pavetest"
    }
  }
}

resource "pavetest_role" "this" {
  name             = var.name
  marker           = var.pave_id
  connection_limit = var.connections
}

resource "pavetest_database" "this" {
  name  = var.name
  owner = pavetest_role.this.name
}
