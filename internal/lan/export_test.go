package lan

// AdviseInUse is adviseInUse with a holder of the test's choosing.
var AdviseInUse = adviseInUse

// Paired is paired with a folder of the test's choosing.
var Paired = paired
