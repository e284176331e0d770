using System.Buffers.Binary;
using System.Text;

namespace Registry.WebRtc.Sctp;

/// <content>The end of an association (RFC 9260 §9).</content>
internal sealed partial class SctpAssociation
{
    private const int MaxReasonLength = 256;
    private bool shutdownDue;
    private bool shutdownAckDue;
    private bool shutdownCompleteDue;
    private byte[]? abortDue;
    private int shutdownAttempts;

    /// <summary>Ends the association after everything sent was acknowledged.</summary>
    public void Shutdown()
    {
        switch (State)
        {
            case SctpAssociationState.Established:
                State = SctpAssociationState.ShutdownPending;
                AdvanceShutdown();
                break;
            case SctpAssociationState.Closed or SctpAssociationState.CookieWait or SctpAssociationState.CookieEchoed:
                End(SctpCloseCause.LocalShutdown, "The association was shut down before it was established.");
                break;
        }
    }

    /// <summary>Ends the association at once; one ABORT is left to be written.</summary>
    public void Abort(string reason) => AbortWith(SctpErrorCause.UserInitiatedAbort, SctpCloseCause.LocalAbort, reason);

    private void AbortWith(SctpErrorCause errorCause, SctpCloseCause closeCause, string reason)
    {
        if (hasEnded)
            return;
        if (peerTag != 0)
        {
            var text = Encoding.UTF8.GetBytes(reason);
            var length = Math.Min(text.Length, MaxReasonLength);
            // These two causes carry text; the others have binary contents of their own (RFC 9260 §3.3.10), left out here.
            if (errorCause is not (SctpErrorCause.UserInitiatedAbort or SctpErrorCause.ProtocolViolation))
                length = 0;
            abortDue = new byte[TlvReader.HeaderLength + length];
            BinaryPrimitives.WriteUInt16BigEndian(abortDue, (ushort)errorCause);
            BinaryPrimitives.WriteUInt16BigEndian(abortDue.AsSpan(2), (ushort)abortDue.Length);
            text.AsSpan(0, length).CopyTo(abortDue.AsSpan(TlvReader.HeaderLength));
        }
        End(closeCause, reason);
    }

    private void End(SctpCloseCause cause, string reason)
    {
        if (hasEnded)
            return;
        hasEnded = true;
        State = SctpAssociationState.Closed;
        sink.OnClosed(cause, reason);
    }

    /// <summary>Goes on with a shutdown once nothing is left to be acknowledged.</summary>
    private void AdvanceShutdown()
    {
        if (!sendQueue.IsEmpty || !inFlight.IsEmpty)
            return;
        if (State == SctpAssociationState.ShutdownPending)
        {
            State = SctpAssociationState.ShutdownSent;
            shutdownDue = true;
        }
        else if (State == SctpAssociationState.ShutdownReceived)
        {
            State = SctpAssociationState.ShutdownAckSent;
            shutdownAckDue = true;
        }
    }

    private void HandleShutdown(long now, ReadOnlySpan<byte> value)
    {
        if (value.Length < 4)
            return;
        switch (State)
        {
            case SctpAssociationState.Established or SctpAssociationState.ShutdownPending:
                State = SctpAssociationState.ShutdownReceived;
                break;
            case SctpAssociationState.ShutdownSent:
                State = SctpAssociationState.ShutdownAckSent;
                shutdownAckDue = true;
                return;
            case SctpAssociationState.ShutdownReceived:
                break;
            default:
                return;
        }
        AcknowledgeCumulative(now, BinaryPrimitives.ReadUInt32BigEndian(value));
    }

    private void HandleShutdownAck()
    {
        if (State is not (SctpAssociationState.ShutdownSent or SctpAssociationState.ShutdownAckSent))
            return;
        shutdownCompleteDue = true;
        End(SctpCloseCause.LocalShutdown, "The association was shut down.");
    }

    private void ArmShutdown(long now) => shutdownDeadline = now + rto.Rto;

    /// <summary>T2: SHUTDOWN or SHUTDOWN ACK was not answered.</summary>
    private void OnShutdownTimeout()
    {
        shutdownDeadline = long.MaxValue;
        if (++shutdownAttempts > options.MaxRetransmits)
        {
            // Without its SHUTDOWN COMPLETE the peer that asked for the end is simply gone.
            var isPeers = State == SctpAssociationState.ShutdownAckSent;
            End(isPeers ? SctpCloseCause.RemoteShutdown : SctpCloseCause.Timeout, isPeers ? "The peer shut the association down." : "The peer does not answer the shutdown.");
            return;
        }
        rto.BackOff();
        shutdownDue = State == SctpAssociationState.ShutdownSent;
        shutdownAckDue = State == SctpAssociationState.ShutdownAckSent;
    }

    private static string DescribeAbort(ReadOnlySpan<byte> value)
    {
        var causes = new TlvReader(value);
        if (!causes.TryRead())
            return "The peer aborted the association.";
        var cause = (SctpErrorCause)causes.Tag;
        var name = Enum.IsDefined(cause) ? cause.ToString() : $"cause {causes.Tag}";
        if (cause is not (SctpErrorCause.UserInitiatedAbort or SctpErrorCause.ProtocolViolation) || causes.Value.Length == 0)
            return $"The peer aborted the association ({name}).";
        return $"The peer aborted the association ({name}): {PrintableText(causes.Value)}";
    }

    private static string PrintableText(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, MaxReasonLength)]);
        return string.Create(text.Length, text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = char.IsControl(source[i]) ? ' ' : source[i];
        });
    }
}
