# What a service may be, in the place of a role at a cloud: a role of a database server.
terraform {
  required_version = ">= 1.5"
  required_providers {
    pavetest = {
      source = "pave-platform/pavetest"
    }
  }
}

variable "name" {
  type = string
}

variable "pave_id" {
  type = string
}

resource "pavetest_role" "this" {
  name             = "${var.name}_cloud"
  marker           = var.pave_id
  connection_limit = -1
}

output "role_arn" {
  value = pavetest_role.this.name
}
