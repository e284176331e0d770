using System.Net;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Audit;

/// <summary>What the audit is told of one connection: counted on the way, written at its two ends.</summary>
internal sealed class ConnectionAudit(AuditSpan span)
{
    private string? target;
    private IPEndPoint? dialled;
    private long sent;
    private long received;

    /// <summary>Records that the connection was asked for.</summary>
    /// <returns>False when it must not begin.</returns>
    /// <exception cref="OperationCanceledException">Nobody waits for it any more.</exception>
    public ValueTask<bool> BeginAsync(CancellationToken cancellationToken)
    {
        var begun = span.BeginAsync();
        return begun.IsCompleted ? begun : new(begun.AsTask().WaitAsync(cancellationToken));
    }

    /// <summary>What the client asked for, once it has said so.</summary>
    public void Asked(string what) => target = what;

    /// <summary>The address that was reached. Said at once when the target is a name, for that alone does not tell it.</summary>
    public void Dialled(string host, IPEndPoint endPoint)
    {
        dialled = endPoint;
        if (!IPAddress.TryParse(host, out _))
            span.Dialled(endPoint);
    }

    /// <summary>Datagrams are about to go to a target that none went to before.</summary>
    /// <returns>False when that must be recorded and cannot be.</returns>
    public bool TryReach(string host, int port, IPEndPoint endPoint) => span.TryReach(AuditTrail.Name(host, port), endPoint);

    /// <summary>So many bytes went to the peer. Called by one pump.</summary>
    public void Sent(int bytes) => sent += bytes;

    /// <summary>So many bytes of the peer's reached the other side. Called by one pump.</summary>
    public void Received(int bytes) => received += bytes;

    /// <summary>A datagram of so many bytes went to the peer. Called by several.</summary>
    public void SentDatagram(int bytes) => Interlocked.Add(ref sent, bytes);

    /// <summary>Records the end of a channel that is one connection. Why it closed when nobody said so its tube knows, if anybody.</summary>
    public void End(ChannelEnd? end) => End(end?.Reason ?? CloseReason.TunnelClosed, (end ?? ChannelEnd.Unexplained).Text, end?.ClosedBy);

    /// <summary>Records the end.</summary>
    public void End(CloseReason reason, string text, string? closedBy) => span.End(reason, text, closedBy, Volatile.Read(ref sent), Volatile.Read(ref received), end => end with
    {
        Target = target ?? end.Target,
        Dialled = dialled?.ToString(),
    });
}
