//! The rules that keep two bots apart, each of which can be left out by the simulator to show that it is needed.

/// One thing left out or done wrongly. Production leaves out none: [`Rules::WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// R1 broken: the lease counts from the answer instead of from before the request.
    LeaseFromReply,
    /// R2 broken: what Redis let expire is free at once.
    RedisTtl,
    /// R3 broken: lease and wait-out are the same, as if clocks never differed.
    NoDriftMargin,
    /// R4 broken: where nothing is stored, the lease is taken at once.
    TrustAbsence,
    /// R4 broken: absence is waited out, but without a witness in the store.
    AbsentNoCas,
    /// R5 broken: a restart of Redis goes unnoticed.
    NoRunId,
    /// R6 broken: a release does not name the renewal that it follows.
    ReleaseAnySeq,
    /// R7 broken: a nonce is used again after its lease is over.
    LateNonce,
    /// R8 broken: the lease is released while the bot is still stopping.
    ReleaseBeforeReap,
    /// R9 broken: nobody but the supervisor knows the deadline, and a supervisor's death leaves the bot running.
    NoGuard,
    /// R9 broken: only a refusal stops the bot, time does not.
    NoKillDeadline,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LeaseFromReply,
        Self::RedisTtl,
        Self::NoDriftMargin,
        Self::TrustAbsence,
        Self::AbsentNoCas,
        Self::NoRunId,
        Self::ReleaseAnySeq,
        Self::LateNonce,
        Self::ReleaseBeforeReap,
        Self::NoGuard,
        Self::NoKillDeadline,
    ];

    /// Returns its name on the simulator's command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaseFromReply => "lease-from-reply",
            Self::RedisTtl => "redis-ttl",
            Self::NoDriftMargin => "no-drift-margin",
            Self::TrustAbsence => "trust-absence",
            Self::AbsentNoCas => "absent-no-cas",
            Self::NoRunId => "no-run-id",
            Self::ReleaseAnySeq => "release-any-seq",
            Self::LateNonce => "late-nonce",
            Self::ReleaseBeforeReap => "release-before-reap",
            Self::NoGuard => "no-guard",
            Self::NoKillDeadline => "no-kill-deadline",
        }
    }

    /// Returns the rule that it breaks.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::LeaseFromReply => "R1",
            Self::RedisTtl => "R2",
            Self::NoDriftMargin => "R3",
            Self::TrustAbsence | Self::AbsentNoCas => "R4",
            Self::NoRunId => "R5",
            Self::ReleaseAnySeq => "R6",
            Self::LateNonce => "R7",
            Self::ReleaseBeforeReap => "R8",
            Self::NoGuard | Self::NoKillDeadline => "R9",
        }
    }
}

/// The rules in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules(Option<Mutant>);

impl Rules {
    /// All of them: the only value that the product uses.
    pub const WHOLE: Self = Self(None);

    /// All but one. For the simulator.
    #[must_use]
    pub const fn broken(mutant: Mutant) -> Self {
        Self(Some(mutant))
    }

    /// Returns whether `mutant` is what is left out.
    #[must_use]
    pub fn lack(self, mutant: Mutant) -> bool {
        self.0 == Some(mutant)
    }
}
