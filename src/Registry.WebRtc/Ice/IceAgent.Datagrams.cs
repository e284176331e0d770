using System.Buffers.Binary;
using System.Text;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

// What goes over the wire: RFC 8445 §7.1 to §7.3.
internal sealed partial class IceAgent
{
    private readonly Queue<Response> responses = [];
    private bool hasOutput;

    /// <summary>A check answered before the remote credentials were known (RFC 8445 §7.3).</summary>
    private readonly record struct EarlyCheck(TransportAddress Remote, uint Priority, bool UseCandidate, string RemoteUsernameFragment);

    private readonly record struct Response(
        TransportAddress Remote, StunTransactionId TransactionId, StunErrorCode Error, StunAttributeType UnknownAttribute);

    /// <summary>
    /// Takes a STUN datagram. What is malformed or not authenticated is dropped without an answer, so that the agent neither
    /// tells a stranger that it is there nor reflects traffic.
    /// </summary>
    public void HandleDatagram(TimeSpan now, TransportAddress remote, ReadOnlySpan<byte> datagram)
    {
        if (IsOver || (options.RelayOnly && remote.Relay == 0) || !StunMessage.TryParse(datagram, out var message) || message.Method != StunMethod.Binding || !message.FingerprintFits)
            return;
        switch (message.Class)
        {
            case StunClass.Request:
                HandleRequest(now, remote, message);
                break;
            case StunClass.SuccessResponse or StunClass.ErrorResponse:
                HandleResponse(now, remote, message);
                break;
            default:
                return;   // indications keep NAT bindings alive and mean nothing else (RFC 8445 §11)
        }
        Advance(now);
    }

    private void HandleRequest(TimeSpan now, TransportAddress remote, StunMessage message)
    {
        if (!message.TryGet(StunAttributeType.Username, out var username) || !IsForThisSession(username) || !message.VerifyIntegrity(localPassword))
            return;
        if (FirstUnknownAttribute(message) is { } unknown)
        {
            Respond(remote, message.TransactionId, StunErrorCode.UnknownAttribute, unknown);
            return;
        }
        if (!message.TryGetUInt32(StunAttributeType.Priority, out var priority))
        {
            Respond(remote, message.TransactionId, StunErrorCode.BadRequest);
            return;
        }
        if (!SettleRole(message))
        {
            Respond(remote, message.TransactionId, StunErrorCode.RoleConflict);
            return;
        }

        Respond(remote, message.TransactionId, StunErrorCode.None);
        var useCandidate = message.TryGet(StunAttributeType.UseCandidate, out _);
        if (remoteUsernameFragment is not null)
            OnCheckFrom(now, remote, priority, useCandidate);
        else
            Remember(remote, priority, useCandidate, username[localUsernamePrefix.Length..]);
    }

    private bool IsForThisSession(ReadOnlySpan<byte> username) =>
        remoteUsernameFragment is null ? username.StartsWith(localUsernamePrefix) : username.SequenceEqual(incomingUsername);

    private static StunAttributeType? FirstUnknownAttribute(StunMessage message)
    {
        foreach (var attribute in message)
        {
            if ((ushort)attribute.Type < 0x8000 && attribute.Type is not (StunAttributeType.MappedAddress or StunAttributeType.Username
                or StunAttributeType.ErrorCode or StunAttributeType.UnknownAttributes or StunAttributeType.Realm or StunAttributeType.Nonce
                or StunAttributeType.XorMappedAddress or StunAttributeType.Priority or StunAttributeType.UseCandidate))
                return attribute.Type;
        }
        return null;
    }

    /// <summary>Resolves a role conflict by the tie-breakers (RFC 8445 §7.3.1.1).</summary>
    /// <returns>False when it is the peer that has to change.</returns>
    private bool SettleRole(StunMessage message)
    {
        var peerControls = message.TryGetUInt64(StunAttributeType.IceControlling, out var theirs);
        if (peerControls && Role == IceRole.Controlling)
        {
            if (tieBreaker >= theirs)
                return false;
            Role = IceRole.Controlled;
        }
        else if (Role == IceRole.Controlled && message.TryGetUInt64(StunAttributeType.IceControlled, out theirs))
        {
            if (tieBreaker < theirs)
                return false;
            Role = IceRole.Controlling;
        }
        return true;
    }

    private void Remember(TransportAddress remote, uint priority, bool useCandidate, ReadOnlySpan<byte> remoteUsernameFragment)
    {
        var index = IndexOfEarlyCheck(remote);
        if (index < 0)
        {
            if (earlyChecks.Count >= options.MaxEarlyChecks)
                return;
            events.Enqueue(new IceEvent(IceEventKind.RemoteAddressLearned, State, remote));
        }
        var check = new EarlyCheck(remote, priority, useCandidate, Encoding.UTF8.GetString(remoteUsernameFragment));
        if (index < 0)
            earlyChecks.Add(check);
        else
            earlyChecks[index] = check with { UseCandidate = useCandidate || earlyChecks[index].UseCandidate };
    }

    private int IndexOfEarlyCheck(TransportAddress remote) => earlyChecks.FindIndex(c => c.Remote == remote);

    private void HandleResponse(TimeSpan now, TransportAddress remote, StunMessage message)
    {
        // The answer must come from where the request went (RFC 8445 §7.2.5.2.1).
        if (checkList.Find(remote) is not { } pair)
            return;
        var id = message.TransactionId;
        var answersCheck = pair.TransactionId == id && pair.Transmissions > 0;
        var sentAt = pair.SentAt;
        var answersConsent = pair == selected && !answersCheck && consent.TryFind(id, out sentAt);
        if (!(answersCheck || answersConsent) || !message.VerifyIntegrity(remotePassword))
            return;

        if (message.Class == StunClass.ErrorResponse)
        {
            if (message.TryGetErrorCode(out var code))
                HandleError(pair, code, answersCheck);
            return;
        }
        if (!message.TryGetXorMappedAddress(out var mapped))
            return;
        // A check that was sent again does not tell which of its transmissions was answered.
        if (answersConsent || pair.Transmissions == 1)
            pair.Counters.AddRoundTrip(now - sentAt);
        pair.Counters.ResponsesReceived++;
        if (pair == selected)
            consent.OnAnswer(now);
        if (answersCheck)
            OnCheckSucceeded(now, pair, mapped);
        else
            pair.LastAnswer = now;
    }

    private void HandleError(IcePair pair, StunErrorCode code, bool answersCheck)
    {
        if (code == StunErrorCode.RoleConflict && ++pair.RoleConflicts <= MaxRoleConflicts)
        {
            // The peer keeps the role this side claimed: take the other one and check again (RFC 8445 §7.2.5.1).
            if (!answersCheck || pair.CheckRole == Role)
                Role = Role == IceRole.Controlling ? IceRole.Controlled : IceRole.Controlling;
            if (answersCheck)
            {
                pair.EndCheck(IcePairState.Waiting);
                pair.IsTriggered = true;
            }
        }
        else if (answersCheck)
        {
            OnCheckFailed(pair);
        }
    }

    private void Respond(
        TransportAddress remote, StunTransactionId transactionId, StunErrorCode error, StunAttributeType unknownAttribute = default)
    {
        if (responses.Count >= options.MaxQueuedResponses)
            return;
        responses.Enqueue(new Response(remote, transactionId, error, unknownAttribute));
        hasOutput = true;
    }

    /// <summary>Writes the next datagram to send; call until false.</summary>
    /// <param name="now">The time.</param>
    /// <param name="destination">At least 1,500 bytes.</param>
    /// <param name="written">Its length.</param>
    /// <param name="remote">Where to send it.</param>
    public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote)
    {
        (written, remote) = (0, default);
        if (!hasOutput)
            return false;
        if (responses.TryDequeue(out var response))
        {
            written = WriteResponse(destination, response);
            remote = response.Remote;
            if (checkList.Find(remote) is { } answered)
                answered.Counters.ResponsesSent++;
            return true;
        }
        if (NextPendingCheck() is { } pair)
        {
            pair.IsSendPending = false;
            pair.SentAt = now;
            pair.Transmissions++;
            pair.Deadline = now + (pair.Remote.IsTcp ? options.ReliableTimeout : RetransmissionAfter(pair.Transmissions));
            if (pair.Transmissions == 1)
                pair.Counters.RequestsSent++;
            written = WriteCheck(destination, pair.Remote, pair.TransactionId, pair.CheckRole, pair.UsesCandidate);
            remote = pair.Remote;
            ComputeNextTimeout(now);
            return true;
        }
        if (consent.IsSendPending && selected is not null)
        {
            var id = CreateTransactionId();
            consent.OnSent(now, id);
            selected.Counters.ConsentRequestsSent++;
            written = WriteCheck(destination, selected.Remote, id, Role, useCandidate: Role == IceRole.Controlling && selected.IsNominated);
            remote = selected.Remote;
            ComputeNextTimeout(now);
            return true;
        }
        hasOutput = false;
        return false;
    }

    private IcePair? NextPendingCheck()
    {
        foreach (var pair in checkList)
        {
            if (pair.IsSendPending)
                return pair;
        }
        return null;
    }

    private int WriteCheck(Span<byte> destination, TransportAddress remote, StunTransactionId id, IceRole role, bool useCandidate)
    {
        var writer = new StunWriter(destination, StunClass.Request, StunMethod.Binding, id);
        writer.Write(StunAttributeType.Username, outgoingUsername);
        writer.WriteUInt64(role == IceRole.Controlling ? StunAttributeType.IceControlling : StunAttributeType.IceControlled, tieBreaker);
        writer.WriteUInt32(StunAttributeType.Priority, CheckPriority(remote));
        if (useCandidate)
            writer.WriteFlag(StunAttributeType.UseCandidate);
        return writer.Finish(remotePassword);
    }

    private int WriteResponse(Span<byte> destination, Response response)
    {
        var writer = new StunWriter(
            destination, response.Error == StunErrorCode.None ? StunClass.SuccessResponse : StunClass.ErrorResponse,
            StunMethod.Binding, response.TransactionId);
        switch (response.Error)
        {
            case StunErrorCode.None:
                writer.WriteXorMappedAddress(response.Remote);
                break;
            case StunErrorCode.RoleConflict:
                writer.WriteErrorCode(response.Error, "Role Conflict");
                break;
            case StunErrorCode.UnknownAttribute:
                writer.WriteErrorCode(response.Error, "Unknown Attribute");
                Span<byte> unknown = stackalloc byte[sizeof(ushort)];
                BinaryPrimitives.WriteUInt16BigEndian(unknown, (ushort)response.UnknownAttribute);
                writer.Write(StunAttributeType.UnknownAttributes, unknown);
                break;
            default:
                writer.WriteErrorCode(response.Error, "Bad Request");
                break;
        }
        return writer.Finish(localPassword);
    }
}
