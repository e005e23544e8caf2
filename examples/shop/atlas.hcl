// The databases of this project and the order of its rollouts, for two tools:
//
//   bailiwick schema plan | apply | drift     everything, for the whole fleet
//   atlas schema diff --env public            Atlas's own command line, as far
//                                             as its free edition sees
//
// All of it is Atlas's language: https://atlasgo.io/hcl/config

// The tenants' schemas, for Atlas's command line. Bailiwick itself has its
// registry and asks no such question.
data "sql" "tenants" {
  url   = getenv("DATABASE_OWNER_URL")
  query = <<-SQL
    SELECT 't_' || replace(id::text, '-', '')
    FROM public.tenants
    WHERE state = 'active'
    ORDER BY slug
  SQL
}

// The shared schema. Where url comes out empty, Bailiwick uses the project's
// development instance. dev is a database whose server may be worked on: Atlas
// uses that database itself and wants it empty, Bailiwick makes short-lived
// databases beside it. Without dev it makes them on the server of url.
env "public" {
  src     = "file://schema/public.sql"
  url     = urlqueryset(getenv("DATABASE_OWNER_URL"), "search_path", "public")
  dev     = urlqueryset(getenv("ATLAS_DEV_URL"), "search_path", "public")
  schemas = ["public"]
}

// The schema of every tenant. Its file refers to public.x, so the database that
// Atlas uses as dev has to hold the shared schema.
env "tenant" {
  for_each = toset(data.sql.tenants.values)
  src      = "file://schema/tenant.sql"
  url      = urlqueryset(getenv("DATABASE_OWNER_URL"), "search_path", each.value)
  dev      = urlqueryset(getenv("ATLAS_DEV_URL"), "search_path", "tenant_dev")
}

// Indexes of tables that are in use are made and dropped without holding
// anybody up, one statement at a time, outside the tenant's transaction.
diff {
  concurrent_index {
    create = true
    drop   = true
  }
}

// Who gets a change when. A tenant belongs to the first group that matches its
// ring (public.tenants.ring); the last group has no match and takes the rest.
// Values are literals: Atlas's command line refuses anything else here.
//
//   match         rings, ["canary"]; none is all that remain
//   depends_on    groups that have to be done first
//   order_by      "slug" or "created_at": which tenant comes first
//   parallel      tenants at once, 1 unless said
//   on_error      "FAIL" stops at the first tenant that fails, "CONTINUE" goes on
//   max_failures  how many failures "CONTINUE" bears: a count, or a share as "2%"
//   percent       the share of the group's tenants that is one wave; 100 unless said
//   soak          how long to watch after each wave
deployment "rings" {
  group "canary" {
    match = ["canary"]
    soak  = "30s"
  }
  group "default" {
    depends_on   = ["canary"]
    parallel     = 4
    on_error     = "CONTINUE"
    max_failures = "2%"
    percent      = 25
  }
}
