-- A store of version 1, as it was written before there were imprints: its history holds names and reasons itself.
PRAGMA application_id = 1667330917;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE assignment (
            assignment_id TEXT NOT NULL PRIMARY KEY CHECK (instr(assignment_id, char(0)) = 0),
            enrollment_id TEXT NOT NULL REFERENCES enrollment,
            user_id TEXT NOT NULL REFERENCES "user",
            start_date TEXT NOT NULL CHECK (start_date IS date(start_date, '+0 days')),
            end_date TEXT CHECK (end_date IS date(end_date, '+0 days')),
            role TEXT NOT NULL,
            kept_after_exit INTEGER NOT NULL CHECK (kept_after_exit IN (0, 1)),
            voided INTEGER NOT NULL CHECK (voided IN (0, 1)),
            batch_id TEXT,
            CHECK (end_date >= start_date)
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "assignment" VALUES('01a205cf-8f49-7002-b9d9-956ad3c645d5','01a205cf-8f49-7001-95a3-4d5fdbdb937e','kim','2018-01-10','2018-02-01','Case Manager',0,0,'01a205cf-8f4a-7000-9aec-c80fba28ad32');
CREATE TABLE "change" (
            number INTEGER PRIMARY KEY,
            change_id TEXT NOT NULL UNIQUE CHECK (instr(change_id, char(0)) = 0),
            recorded_at TEXT NOT NULL,
            user_id TEXT,
            "action" TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (instr(kind, char(0)) = 0),
            record_id TEXT NOT NULL CHECK (instr(record_id, char(0)) = 0),
            "before" TEXT,
            "after" TEXT,
            reason TEXT,
            batch_id TEXT NOT NULL CHECK (instr(batch_id, char(0)) = 0),
            digest TEXT NOT NULL
        ) STRICT
        ;
INSERT INTO "change" VALUES(1,'01a205cf-8f37-7001-a277-2064a4bdc731','2026-03-02T12:01:00+00:00',NULL,'record.add','organization','haven',NULL,'{"organization_id":"haven","organization_name":"Haven"}','set up','01a205cf-8f37-7000-8f29-3902440ca291','67ba979c3c2e9d464c45bf7f13dd65eeae31f9edf78a3a13dbd100d75dcd19e0');
INSERT INTO "change" VALUES(2,'01a205cf-8f37-7002-8e68-12fbca68bd96','2026-03-02T12:01:00+00:00',NULL,'record.add','project','es',NULL,'{"operating_end_date":null,"operating_start_date":null,"organization_id":"haven","project_id":"es","project_name":null,"project_type":null}','set up','01a205cf-8f37-7000-8f29-3902440ca291','a6963d422ba26a84eb840151c3e40034f7ec92da3bd376b83bc746315750ab76');
INSERT INTO "change" VALUES(3,'01a205cf-8f37-7003-bb9a-1736397e4d20','2026-03-02T12:01:00+00:00',NULL,'user.manage','user','kim',NULL,'{"first_name":"Kim","is_case_manager":true,"last_name":null,"left_on":null,"organization_ids":["haven"],"permissions":[],"user_id":"kim"}','set up','01a205cf-8f37-7000-8f29-3902440ca291','0011ad39825730e34658b95b40e271c5e201e3cef83fb78e2684ec75283b655f');
INSERT INTO "change" VALUES(4,'01a205cf-8f37-7004-ab26-01eeb3d5ab50','2026-03-02T12:01:00+00:00',NULL,'record.add','client','c1',NULL,'{"first_name":"Ada","last_name":"Marigold","personal_id":"c1"}','set up','01a205cf-8f37-7000-8f29-3902440ca291','4fd8c2567fd3adf1785c58bd6e0a6a1c2584e8942cd8c84fa7750980d9e075a8');
INSERT INTO "change" VALUES(5,'01a205cf-8f37-7005-8f65-e3d8a27ea9ba','2026-03-02T12:01:00+00:00',NULL,'record.add','client','c2',NULL,'{"first_name":"Ben","last_name":null,"personal_id":"c2"}','set up','01a205cf-8f37-7000-8f29-3902440ca291','d6b899674e2115967f329a063964e40bc2c0931f059f129ae809417df6f56ec6');
INSERT INTO "change" VALUES(6,'01a205cf-8f4a-7001-9fd1-44ada2a3e1db','2026-03-02T12:02:00+00:00',NULL,'enrollment.start','enrollment','01a205cf-8f49-7001-95a3-4d5fdbdb937e',NULL,'{"deleted":false,"enrollment_id":"01a205cf-8f49-7001-95a3-4d5fdbdb937e","entry_date":"2018-01-10","exit_date":null,"household_id":"01a205cf-8f49-7000-a133-b190b082410d","personal_id":"c1","project_id":"es","relationship_to_hoh":1}','Ada came with her sister','01a205cf-8f4a-7000-9aec-c80fba28ad32','400ac557362f96a6667c216cb618125b8c215466059f03395e8fefb2f256213a');
INSERT INTO "change" VALUES(7,'01a205cf-8f4a-7002-a119-5895fce42976','2026-03-02T12:02:00+00:00',NULL,'enrollment.start','assignment','01a205cf-8f49-7002-b9d9-956ad3c645d5',NULL,'{"assignment_id":"01a205cf-8f49-7002-b9d9-956ad3c645d5","end_date":null,"enrollment_id":"01a205cf-8f49-7001-95a3-4d5fdbdb937e","kept_after_exit":false,"role":"Case Manager","start_date":"2018-01-10","user_id":"kim","voided":false}','Ada came with her sister','01a205cf-8f4a-7000-9aec-c80fba28ad32','086947cd6c650f340b9ad1d5640f5e0ed5b8df9200d5c619315487685ebaa1d8');
INSERT INTO "change" VALUES(8,'01a205cf-8f4d-7001-b834-8b983683f65d','2026-03-02T12:03:00+00:00',NULL,'record.add','client','c1','{"first_name":"Ada","last_name":"Marigold","personal_id":"c1"}','{"first_name":"Ada","last_name":"Marigold-Finch","personal_id":"c1"}','she married','01a205cf-8f4d-7000-bfbb-9a49b0f73393','0d7d91245085574891c3a3996398851561ed1b2167efc640e15e0c289cc33ac3');
INSERT INTO "change" VALUES(9,'01a205cf-8f4e-7000-83fc-e2eb5411ce9d','2026-03-02T12:03:00+00:00',NULL,'record.add','command','rename',NULL,'{"action":"record.add","assignments":[],"enrollments":[],"skipped":[],"withheld":0}','she married','01a205cf-8f4d-7000-bfbb-9a49b0f73393','6eb3e57b1201b79b3a63d16a63a1990eda6114f298d7f962b7f1dea3ebeabcd6');
INSERT INTO "change" VALUES(10,'01a205cf-8f5e-7001-b555-70368713219a','2026-03-02T12:04:00+00:00',NULL,'enrollment.exit','enrollment','01a205cf-8f49-7001-95a3-4d5fdbdb937e','{"deleted":false,"enrollment_id":"01a205cf-8f49-7001-95a3-4d5fdbdb937e","entry_date":"2018-01-10","exit_date":null,"household_id":"01a205cf-8f49-7000-a133-b190b082410d","personal_id":"c1","project_id":"es","relationship_to_hoh":1}','{"deleted":false,"enrollment_id":"01a205cf-8f49-7001-95a3-4d5fdbdb937e","entry_date":"2018-01-10","exit_date":"2018-02-01","household_id":"01a205cf-8f49-7000-a133-b190b082410d","personal_id":"c1","project_id":"es","relationship_to_hoh":1}',NULL,'01a205cf-8f5e-7000-8bcf-3d92735e7a8f','225dc15faf52d85ed68596a6724faedff73913793031ac9e3c960324050b14ba');
INSERT INTO "change" VALUES(11,'01a205cf-8f5e-7002-9b4e-07aab2106b5f','2026-03-02T12:04:00+00:00',NULL,'enrollment.exit','assignment','01a205cf-8f49-7002-b9d9-956ad3c645d5','{"assignment_id":"01a205cf-8f49-7002-b9d9-956ad3c645d5","end_date":null,"enrollment_id":"01a205cf-8f49-7001-95a3-4d5fdbdb937e","kept_after_exit":false,"role":"Case Manager","start_date":"2018-01-10","user_id":"kim","voided":false}','{"assignment_id":"01a205cf-8f49-7002-b9d9-956ad3c645d5","end_date":"2018-02-01","enrollment_id":"01a205cf-8f49-7001-95a3-4d5fdbdb937e","kept_after_exit":false,"role":"Case Manager","start_date":"2018-01-10","user_id":"kim","voided":false}',NULL,'01a205cf-8f5e-7000-8bcf-3d92735e7a8f','0ec4cec4a7b8dee289ce1a542e8b45c321e94e42a5a332e4d268620690cc4abc');
CREATE TABLE change_head (
            chain TEXT NOT NULL PRIMARY KEY CHECK (chain = 'history'),
            number INTEGER NOT NULL,
            digest TEXT NOT NULL,
            recorded_at TEXT
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "change_head" VALUES('history',11,'0ec4cec4a7b8dee289ce1a542e8b45c321e94e42a5a332e4d268620690cc4abc','2026-03-02T12:04:00+00:00');
CREATE TABLE client (
            personal_id TEXT NOT NULL PRIMARY KEY CHECK (instr(personal_id, char(0)) = 0),
            first_name TEXT,
            last_name TEXT,
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "client" VALUES('c1','Ada','Marigold-Finch','01a205cf-8f37-7000-8f29-3902440ca291');
INSERT INTO "client" VALUES('c2','Ben',NULL,'01a205cf-8f37-7000-8f29-3902440ca291');
CREATE TABLE enrollment (
            enrollment_id TEXT NOT NULL PRIMARY KEY CHECK (instr(enrollment_id, char(0)) = 0),
            personal_id TEXT NOT NULL REFERENCES client,
            project_id TEXT NOT NULL REFERENCES project,
            household_id TEXT CHECK (instr(household_id, char(0)) = 0),
            relationship_to_hoh INTEGER,
            entry_date TEXT NOT NULL CHECK (entry_date IS date(entry_date, '+0 days')),
            exit_date TEXT CHECK (exit_date IS date(exit_date, '+0 days')),
            deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "enrollment" VALUES('01a205cf-8f49-7001-95a3-4d5fdbdb937e','c1','es','01a205cf-8f49-7000-a133-b190b082410d',1,'2018-01-10','2018-02-01',0,'01a205cf-8f4a-7000-9aec-c80fba28ad32');
CREATE TABLE imported (
            kind TEXT NOT NULL CHECK (instr(kind, char(0)) = 0),
            id TEXT NOT NULL CHECK (instr(id, char(0)) = 0),
            said TEXT NOT NULL,
            PRIMARY KEY (kind, id)
        ) STRICT, WITHOUT ROWID
        ;
CREATE TABLE organization (
            organization_id TEXT NOT NULL PRIMARY KEY CHECK (instr(organization_id, char(0)) = 0),
            organization_name TEXT,
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "organization" VALUES('haven','Haven','01a205cf-8f37-7000-8f29-3902440ca291');
CREATE TABLE project (
            project_id TEXT NOT NULL PRIMARY KEY CHECK (instr(project_id, char(0)) = 0),
            organization_id TEXT REFERENCES organization,
            project_name TEXT,
            project_type INTEGER,
            operating_start_date TEXT CHECK (operating_start_date IS date(operating_start_date, '+0 days')),
            operating_end_date TEXT CHECK (operating_end_date IS date(operating_end_date, '+0 days')),
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "project" VALUES('es','haven',NULL,NULL,NULL,NULL,'01a205cf-8f37-7000-8f29-3902440ca291');
CREATE TABLE "user" (
            user_id TEXT NOT NULL PRIMARY KEY CHECK (instr(user_id, char(0)) = 0),
            first_name TEXT,
            last_name TEXT,
            organization_ids TEXT NOT NULL,
            permissions TEXT NOT NULL,
            is_case_manager INTEGER NOT NULL CHECK (is_case_manager IN (0, 1)),
            left_on TEXT CHECK (left_on IS date(left_on, '+0 days')),
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "user" VALUES('kim','Kim',NULL,'["haven"]','[]',1,NULL,'01a205cf-8f37-7000-8f29-3902440ca291');
CREATE INDEX enrollment_by_client ON enrollment (personal_id);
CREATE INDEX enrollment_by_household ON enrollment (project_id, household_id, enrollment_id);
CREATE INDEX assignment_by_enrollment ON assignment (enrollment_id);
CREATE INDEX assignment_by_user ON assignment (user_id, end_date);
CREATE INDEX change_by_record ON "change" (kind, record_id);
CREATE INDEX change_by_batch ON "change" (batch_id);
CREATE TRIGGER change_is_never_changed BEFORE UPDATE ON "change"
        BEGIN SELECT RAISE(ABORT, 'history can only be appended'); END;
CREATE TRIGGER change_is_never_removed BEFORE DELETE ON "change"
        BEGIN SELECT RAISE(ABORT, 'history can only be appended'); END;
CREATE TRIGGER change_is_never_replaced BEFORE INSERT ON "change"
        WHEN EXISTS (SELECT 1 FROM "change" WHERE number = NEW.number OR change_id = NEW.change_id)
        BEGIN SELECT RAISE(ABORT, 'history can only be appended'); END;
COMMIT;
