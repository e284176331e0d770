using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

// Which checks are made and what their outcome means: RFC 8445 §6.1.4, §7.2.5, §8.1, and consent.
internal sealed partial class IceAgent
{
    /// <summary>Answers 487 after which a pair is given up: one settles a conflict, more are a peer that plays.</summary>
    private const int MaxRoleConflicts = 4;

    /// <summary>
    /// How long a nomination holds against one of a pair with lower priority. Aggressive nominators name every pair within
    /// their first checks and mean the best; after that a peer names the pair it moved to, and repeats it every few seconds.
    /// </summary>
    private static readonly TimeSpan NominationHolds = TimeSpan.FromSeconds(5);

    /// <summary>Time up to which the pacing is used up (a token bucket of <see cref="IceOptions.CheckBurst"/> checks).</summary>
    private TimeSpan pacedUntil;

    private TimeSpan PacingOpensAt => pacedUntil - options.Pacing * (options.CheckBurst - 1);

    /// <summary>When the best valid pair is nominated although better ones are still being checked.</summary>
    private TimeSpan NominationDue =>
        Role == IceRole.Controlling && nominating is null && selected is { IsNominated: false } && firstValidAt != TimeSpan.MaxValue
            ? firstValidAt + (selected.Remote.IsTcp ? options.TcpNominationDelay : options.NominationDelay)
            : TimeSpan.MaxValue;

    private void StartChecks(TimeSpan now)
    {
        while (now >= PacingOpensAt && checkList.NextWaiting() is { } pair)
        {
            pacedUntil = (pacedUntil > now ? pacedUntil : now) + options.Pacing;
            BeginCheck(pair, useCandidate: false);
        }
    }

    private void BeginCheck(IcePair pair, bool useCandidate)
    {
        pair.BeginCheck(CreateTransactionId(), Role, useCandidate);
        hasOutput = true;
    }

    private void RetransmitChecks(TimeSpan now)
    {
        foreach (var pair in checkList)
        {
            if (pair.State != IcePairState.InProgress || pair.IsSendPending || now < pair.Deadline)
                continue;
            if (pair.Transmissions < options.MaxTransmissions && !pair.Remote.IsTcp)
                pair.IsSendPending = hasOutput = true;
            else
                OnCheckFailed(pair);
        }
    }

    /// <summary>Time to wait after a transmission: doubling, and longer while many pairs are checked (RFC 8445 §14.3).</summary>
    private TimeSpan RetransmissionAfter(int transmissions)
    {
        var first = options.Pacing * checkList.CountActive();
        if (first < options.InitialRetransmission)
            first = options.InitialRetransmission;
        return Earlier(first * (1 << Math.Min(transmissions - 1, 10)), options.MaxRetransmission);
    }

    private void OnCheckFailed(IcePair pair)
    {
        pair.EndCheck(IcePairState.Failed);
        if (nominating == pair)
            nominating = null;
        // Whether the selected pair still works is for consent to say.
        if (pair != selected)
            pair.IsValid = false;
    }

    /// <summary>An authenticated request from the address: makes, speeds up or nominates its pair (RFC 8445 §7.3.1).</summary>
    private void OnCheckFrom(TimeSpan now, TransportAddress remote, uint priority, bool useCandidate)
    {
        var pair = checkList.Find(remote);
        var isNew = pair is null;
        pair ??= AddPair(new IcePair(remote, PeerReflexive(remote, priority, IceCandidatePriority.Active)));
        if (pair is null)
            return;
        pair.Counters.RequestsReceived++;
        Learn(pair);
        if (pair == selected && State == IceConnectionState.Disconnected)
            consent.OnPeerHeard();

        var nominates = useCandidate && Role == IceRole.Controlled;
        if (nominates && pair.IsValid && pair.State == IcePairState.Succeeded)
            NominateByPeer(now, pair);
        else if (nominates)
            pair.NominateWhenValid = true;
        if (isNew || nominates || selected is not { IsNominated: true } || consent.IsSuspect)
            Trigger(now, pair);
    }

    /// <summary>A triggered check: the peer's check shows that its packets come through, so this side's may now too.</summary>
    private void Trigger(TimeSpan now, IcePair pair)
    {
        switch (pair.State)
        {
            case IcePairState.Succeeded:
                break;
            case IcePairState.InProgress:
                pair.Transmissions = Math.Min(pair.Transmissions, 1);
                if (!pair.IsSendPending && now - pair.SentAt >= options.InitialRetransmission / 2)
                    pair.IsSendPending = hasOutput = true;
                break;
            default:
                pair.Enqueue(triggered: true);
                break;
        }
    }

    private void OnCheckSucceeded(TimeSpan now, IcePair pair, TransportAddress mapped)
    {
        Learn(pair);
        pair.IsValid = true;
        pair.LastAnswer = now;
        reportIsOld |= pair.MappedAddress != mapped;
        pair.MappedAddress = mapped;
        pair.EndCheck(IcePairState.Succeeded);
        firstValidAt = Earlier(firstValidAt, now);

        if (pair == nominating)
        {
            nominating = null;
            Nominate(now, pair);
        }
        else if (pair.NominateWhenValid && Role == IceRole.Controlled)
        {
            NominateByPeer(now, pair);
        }
        else if (selected is null || (consent.IsSuspect && pair != selected))
        {
            Select(now, pair);
        }
        else if (!selected.IsNominated && pair.Priority > selected.Priority)
        {
            Select(now, pair);
        }
    }

    /// <summary>
    /// Regular nomination (RFC 8445 §8.1.1): of the best valid pair, at once when none better is being checked, else after a
    /// short delay. Data flows meanwhile.
    /// </summary>
    private void NominateBest(TimeSpan now)
    {
        if (Role != IceRole.Controlling || nominating is not null || selected is null or { IsNominated: true } || consent.IsSuspect)
            return;
        var best = selected;
        var isDirect = best.Remote.Relay == 0 && best.RemoteCandidate.Type is IceCandidateType.Host or IceCandidateType.PeerReflexive;
        if (now < NominationDue && (checkList.AnyActiveAbove(best.Priority) || !(isDirect || remoteCandidatesEnded)))
            return;
        nominating = best;
        BeginCheck(best, useCandidate: true);
    }

    private void NominateByPeer(TimeSpan now, IcePair pair)
    {
        pair.NominateWhenValid = false;
        if (selected is { IsNominated: true } current && current != pair
            && pair.Priority < current.Priority && now - current.NominatedAt < NominationHolds && !consent.IsSuspect)
            return;
        Nominate(now, pair);
    }

    private void Nominate(TimeSpan now, IcePair pair)
    {
        pair.IsNominated = true;
        pair.NominatedAt = now;
        if (selected != pair)
            Select(now, pair);
        // Checking has ended; the other pairs stay as a reserve (RFC 8445 §8.1.2).
        foreach (var other in checkList)
        {
            if (other != pair)
            {
                other.IsNominated = false;
                if (other.IsActive)
                    other.EndCheck(IcePairState.Frozen);
            }
        }
    }

    private void Select(TimeSpan now, IcePair pair)
    {
        selected = pair;
        reportIsOld = true;
        consent.Start(now);
        events.Enqueue(new IceEvent(IceEventKind.SelectedPairChanged, State, pair.Remote));
    }

    private void CheckConsent(TimeSpan now)
    {
        if (selected is null || !consent.IsDue(now))
            return;
        consent.RequestSend();
        hasOutput = true;
        if (!consent.IsSuspect)
            return;
        foreach (var pair in checkList)
        {
            if (pair != selected && !pair.IsActive && HasLocalFamilyOf(pair.Remote))
                pair.Enqueue(triggered: false);
        }
    }

    private void Learn(IcePair pair)
    {
        if (pair.IsLearned)
            return;
        pair.IsLearned = true;
        // The address of an early check was told when that came.
        if (IndexOfEarlyCheck(pair.Remote) < 0)
            events.Enqueue(new IceEvent(IceEventKind.RemoteAddressLearned, State, pair.Remote));
    }
}
