using System.Security.Cryptography;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Sdp;

namespace Registry.WebRtc;

/// <summary>
/// ICE restart (RFC 8445 §9). Each pair of credentials has an agent of its own: the new one looks for a path while the one it replaces keeps
/// its consent and carries the data, until the new path is nominated.
/// </summary>
internal sealed partial class PeerConnection
{
    private readonly ulong tieBreaker = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    private IceAgent ice;
    private IceAgent? replacedIce;
    private Agreement? agreed;
    private IceConnectionState iceState;
    private bool restartRequested;
    private bool peerRestarts;
    private bool pathWorked;
    private TransportAddress? pathTaken;
    private TimeSpan answerDue = TimeSpan.MaxValue;

    /// <summary>The agent that the last offer and answer were about, and the peer's side of it.</summary>
    private sealed record Agreement(IceAgent Agent, IceCredentials RemoteCredentials);

    private TransportAddress? SelectedRemote => ice.SelectedRemote ?? replacedIce?.SelectedRemote;

    private TimeSpan NextIceTimeout
    {
        get
        {
            if (replacedIce is not { } replaced)
                return ice.NextTimeout;
            if (replaced.State == IceConnectionState.Failed && ice.State == IceConnectionState.New)
                return answerDue;
            return replaced.NextTimeout < ice.NextTimeout ? replaced.NextTimeout : ice.NextTimeout;
        }
    }

    /// <summary>Whether the agent that is to replace another may still find a path: it checks, or the peer has time to answer, for which agents have no clock.</summary>
    private bool IsSeekingPath => ice.State == IceConnectionState.Checking || (ice.State == IceConnectionState.New && Now < answerDue);

    public void RestartIce()
    {
        lock (gate)
        {
            if (released)
                throw new InvalidOperationException("The peer connection is closed.");
            restartRequested = local is not null;
        }
    }

    /// <summary>Compares the addresses of the machine with those that were gathered.</summary>
    internal void OnHostAddressesChanged()
    {
        lock (gate)
        {
            if (released || gatheredFor is null)
                return;
            if (!transport.LocalEndPoints.ToHashSet().SetEquals(gatheredAt))
                Raise(() => LocalAddressesChanged?.Invoke());
        }
        Schedule();
    }

    private IceAgent CreateIceAgent(IceCredentials credentials)
    {
        factory.Demultiplexer.AddFragment(credentials.UsernameFragment, this);
        return new IceAgent(
            new IceOptions
            {
                ConsentInterval = configuration.ConsentInterval,
                Repeats = factory.ConsentRepeats,
                DisconnectedTimeout = configuration.DisconnectedTimeout,
                FailedTimeout = configuration.FailedTimeout,
                RelayOnly = IsRelayOnly,
                ConnectsOverTcp = factory.ConnectsOverTcp && !IsRelayOnly,
            },
            credentials,
            tieBreaker,
            RandomNumberGenerator.Fill);
    }

    private void ReplaceIce(IceCredentials credentials)
    {
        restartRequested = false;
        // The one with a path stays; a restart that was not finished has none to offer.
        var isOver = replacedIce is not null && ice.SelectedRemote is null ? ice : replacedIce;
        if (isOver != ice)
            replacedIce = ice;
        ice = CreateIceAgent(credentials);
        answerDue = Now + configuration.FailedTimeout;
        Retire(isOver);
        UpdateIceState();
    }

    private void RetireReplacedIce()
    {
        var replaced = replacedIce;
        replacedIce = null;
        Retire(replaced);
        if (replaced is not null)
            UpdateIceState();
    }

    private void Retire(IceAgent? agent)
    {
        if (agent is null)
            return;
        agent.Close();
        factory.Demultiplexer.RemoveFragment(agent.LocalCredentials.UsernameFragment);
        foreach (var address in learnedAddresses.ToArray())
            ForgetAddress(address);
    }

    private void ReleaseIceAgents()
    {
        foreach (var agent in (IceAgent?[])[ice, replacedIce])
        {
            if (agent is null)
                continue;
            factory.Demultiplexer.RemoveFragment(agent.LocalCredentials.UsernameFragment);
            agent.Close();
        }
        iceState = ice.State;
    }

    /// <summary>Tells SCTP when packets go another way, and when the way was closed and is open again.</summary>
    private void WatchPath(TimeSpan now)
    {
        var works = iceState is IceConnectionState.Connected or IceConnectionState.Completed;
        if (works && (!pathWorked || SelectedRemote != pathTaken))
            association?.OnPathChanged(now);
        else if (!works && pathWorked)
            association?.OnPathLost();
        pathWorked = works;
        if (works)
            pathTaken = SelectedRemote;
    }

    private void UpdateIceState()
    {
        var (next, failure) = AggregateIceState();
        if (next == iceState)
            return;
        iceState = next;
        Raise(() => IceConnectionStateChanged?.Invoke(next));
        UpdateConnectionState();
        if (next == IceConnectionState.Failed)
            Fail(failure!.Kind, failure.Message);
    }

    /// <summary>The state of the path in use. One that is lost is only disconnected while its successor is being sought.</summary>
    private (IceConnectionState State, PeerConnectionFailure? Failure) AggregateIceState()
    {
        if (replacedIce is not { } replaced || ice.SelectedRemote is not null)
            return (ice.State, ice.Failure);
        if (replaced.State != IceConnectionState.Failed)
            return (replaced.State, null);
        return IsSeekingPath
            ? (IceConnectionState.Disconnected, null)
            : (IceConnectionState.Failed, ice.Failure ?? replaced.Failure);
    }

    private void HandleStunDatagram(TimeSpan now, TransportAddress remoteAddress, ReadOnlySpan<byte> datagram)
    {
        // The credentials and transactions tell the agents apart: one of the two ignores it.
        ice.HandleDatagram(now, remoteAddress, datagram);
        replacedIce?.HandleDatagram(now, remoteAddress, datagram);
        ApplyIceEvents(now);
    }

    private void HandleIceTimeouts(TimeSpan now)
    {
        if (ice.NextTimeout <= now)
            ice.HandleTimeout(now);
        if (replacedIce?.NextTimeout <= now)
            replacedIce.HandleTimeout(now);
    }

    private bool TryWriteIceDatagram(TimeSpan now, Span<byte> destination, out int length, out TransportAddress remoteAddress)
    {
        if (ice.TryWriteDatagram(now, destination, out length, out remoteAddress))
            return true;
        return replacedIce is not null && replacedIce.TryWriteDatagram(now, destination, out length, out remoteAddress);
    }

    /// <summary>Later descriptions belong to the same DTLS connection, and change credentials on both sides or on neither.</summary>
    private void RequireFitting(SdpDescription description)
    {
        if (remote is { } previous && !previous.Fingerprints.Intersect(description.Fingerprints).Any())
            throw new InvalidOperationException("The description has another certificate (a=fingerprint): a live connection cannot change it; open a new connection.");
        if (description.Type != SdpType.Answer || agreed is null)
            return;
        var isNew = description.Credentials != agreed.RemoteCredentials;
        if (agreed.Agent == ice && isNew)
            throw new InvalidOperationException("The answer has new ICE credentials (a=ice-ufrag) although the offer did not restart ICE.");
        if (agreed.Agent != ice && !isNew)
            throw new InvalidOperationException("The answer has the old ICE credentials (a=ice-ufrag) although the offer restarted ICE.");
    }
}
