"""A made-up HMIS CSV export, to try things on: bundled, and written anew in any size by `write_export`.

Nobody in it exists. As of 2 March 2026 the bundled one, of seed 2026, tells of 60 households (120 clients), who
have 145 enrollments in 7 projects of 3 organizations; 74 are exited. Two of the 6 users work for each
organization: Kim (U1) and Lee (U2) for Lantern House (ORG1), Robin and Noor for Marigold House, Alex and Dana for
Kettle House. Kim is the last editor of 12 open enrollments, all in Lantern House: two families of three (H0026,
H0048), five people on their own, and E0085, whose four household members Lee and Alex hold.

It has each quirk of `caseassign.demo.quirks` once, and no other:

==========  ==================================================================
``E0006X``  an exit without its enrollment
``E0020``   twice: the second row is older, and says a week earlier
``E0042``   no HouseholdID
``E0069``   an EntryDate as Excel writes it, 12/19/2025
``E0076``   an unreadable EntryDate, 2025-02-30
``E0078``   an exit a week before the entry
``E0087``   a RelationshipToHoH outside the picklist, 7
``E0115``   a UserID that User.csv does not have, U0
``H0068``   a household without head: that of E0136 has relationship 99
``E0138``   a same-day stay
``E0145``   deleted
==========  ==================================================================
"""
