using System.Buffers;
using System.Net.Sockets;
using Registry.Actors.Channels.Flow;
using Registry.Messages;

namespace Registry.Actors.Channels.Guacd;

/// <summary>
/// The Guacamole stream of one connection, behind the handshake. What guacd says is carried in whole instructions where they fit a frame, as the original
/// does, and ends with its <c>disconnect</c> or <c>error</c>; what the peer says reaches guacd only while it is well-formed.
/// </summary>
/// <remarks><see cref="ReadAsync"/> is called by one pump, and <see cref="TakeFromPeer"/> and <see cref="Farewell"/> by another.</remarks>
/// <param name="rest">What came behind the handshake.</param>
/// <param name="tube">Where bytes that are held back are counted.</param>
/// <param name="notice">Where sizes are told; null for nowhere.</param>
/// <param name="held">What ends with the session.</param>
internal sealed class GuacdSession(ReadOnlyMemory<byte> rest, TubeFlow tube, GuacdNotice? notice, IReadOnlyList<IDisposable> held) : IDisposable
{
    /// <summary>Nothing is to be sent, but guacd has not ended.</summary>
    public const int NothingYet = -1;

    // A size or a disconnect is short, and an error's text is for people.
    private const int MaxText = 8 * 1024;

    private static readonly byte[][] FromGuacd = ["size"u8.ToArray(), "error"u8.ToArray(), "disconnect"u8.ToArray()];
    private static readonly byte[][] FromPeer = ["disconnect"u8.ToArray()];

    private readonly GuacamoleScanner guacd = new(FromGuacd, MaxText);
    private readonly GuacamoleScanner peer = new(FromPeer, MaxText);
    private byte[] kept = rest.ToArray();
    private int counted;  // bytes of them in what waits
    private int scanned;  // bytes of them that the scanner has seen
    private bool peerLeft;
    private string? size;

    /// <summary>Why there is nothing more to read, once it is so.</summary>
    public (CloseReason Reason, string Text)? End { get; private set; }

    /// <summary>Whether a read needs nothing from the socket.</summary>
    public bool HasMore => End is not null || scanned < kept.Length;

    /// <summary>Bytes that the next read begins with.</summary>
    public int Kept => kept.Length;

    /// <summary>What guacd is told when the peer ended the session and has not said so itself.</summary>
    public ReadOnlyMemory<byte> Farewell => !peerLeft && peer.IsAtBoundary && peer.Error is null ? "10.disconnect;"u8.ToArray() : ReadOnlyMemory<byte>.Empty;

    /// <summary>Reads what is to be sent to the peer.</summary>
    /// <param name="socket">Where guacd is.</param>
    /// <param name="into">A frame's payload.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many bytes; 0 when guacd has ended, and <see cref="End"/> says why; <see cref="NothingYet"/> for none yet.</returns>
    public async ValueTask<int> ReadAsync(Socket socket, Memory<byte> into, CancellationToken cancellationToken)
    {
        if (End is not null)
            return 0;
        var (length, seen) = Recall(into.Span);
        if (seen == length && length < into.Length)
        {
            var received = await socket.ReceiveAsync(into[length..], cancellationToken);
            if (received == 0)
            {
                End = (CloseReason.ConnectionLost, "guacd closed the connection and did not say why.");
                return length;
            }

            length += received;
        }

        return Follow(into.Span[..length], seen, into.Length);
    }

    /// <summary>Follows what the peer says to guacd.</summary>
    /// <returns>What is wrong with it, or null; guacd must not see it then.</returns>
    public string? TakeFromPeer(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && peer.Error is null)
        {
            bytes = bytes[peer.Scan(bytes, out _)..];
            peerLeft |= peer.Instruction is not null;
        }

        return peer.Error;
    }

    public void Dispose()
    {
        Count(-counted);
        foreach (var one in held)
            one.Dispose();
    }

    // Puts the bytes that were kept where the others follow.
    private (int Length, int Seen) Recall(Span<byte> into)
    {
        var length = Math.Min(kept.Length, into.Length);
        kept.AsSpan(0, length).CopyTo(into);
        var seen = Math.Min(scanned, length);
        Count(-Math.Min(counted, length));
        (kept, scanned) = (kept[length..], scanned - seen);
        return (length, seen);
    }

    private int Follow(Span<byte> bytes, int seen, int room)
    {
        var whole = 0; // up to the end of the last instruction
        for (var at = seen; at < bytes.Length && End is null;)
        {
            at += guacd.Scan(bytes[at..], out var ended);
            if (guacd.Error is { } error)
                End = (CloseReason.ProtocolError, $"guacd sent something that is no instruction: {error}");
            if (ended)
                whole = at;
            if (guacd.Instruction is { } instruction)
                Take(instruction);
        }

        if (End is not null)
            return whole; // Nothing behind it counts.
        var part = bytes.Length - whole;
        if (part == 0 || kept.Length > 0 || whole == 0 && bytes.Length == room || !TryCount(part))
            return bytes.Length;
        (kept, scanned) = (bytes[whole..].ToArray(), part);
        return whole > 0 ? whole : NothingYet;
    }

    private void Take(GuacamoleInstruction instruction)
    {
        switch (instruction)
        {
            case { Opcode: "disconnect" }:
                End = (CloseReason.Normal, "guacd ended the session.");
                break;
            case { Opcode: "error" }:
                End = (CloseReason.GuacdError, GuacamoleStatus.Tell(instruction));
                break;
            case { Opcode: "size", Arguments: ["0", ..] } when GuacamoleInstruction.Text(instruction) is var text && text != size:
                size = text;
                notice?.Tell(instruction);
                break;
        }
    }

    // Half of the room stays for those who only pass through it: who holds on to some and waits for more could wait for ever.
    private bool TryCount(int bytes)
    {
        if (tube.Sending.Queued > tube.Limits.TubeLimit / 2 || !tube.Sending.TryEnter(bytes))
            return false;
        counted = bytes;
        return true;
    }

    private void Count(int change)
    {
        counted += change;
        tube.Sending.Leave(-change);
    }
}
