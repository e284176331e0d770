using System.Buffers.Binary;

namespace Registry.WebRtc.Sctp;

/// <content>Probes for larger packets (RFC 8899 §6.2): a HEARTBEAT behind which a PAD chunk (RFC 4820) fills the packet.</content>
internal sealed partial class SctpAssociation
{
    /// <summary>Only an association that has much to send is worth a probe.</summary>
    private const int ProbingFlight = 4;
    private static readonly long shortestProbe = TimeSpan.FromMilliseconds(300).Ticks;
    private ulong pathProbeNonce;

    private bool TryWritePathProbe(long now, Span<byte> destination, out int written)
    {
        written = 0;
        if (!CanSendData || hasEnded || !rto.HasSample || pathMtu.ProbeSize == 0 && inFlight.FlightBytes < ProbingFlight * pathMtu.PacketSize || !pathMtu.IsProbeDue(now))
            return false;
        var writer = new SctpPacketWriter(destination[..pathMtu.ProbeSize], options.Port, peerTag);
        pathProbeNonce = (ulong)options.NextRandom() << 32 | options.NextRandom();
        WriteHeartbeatInformation(writer.AddChunk(SctpChunkType.Heartbeat, 0, HeartbeatLength), now, pathProbeNonce);
        writer.AddChunk(SctpChunkType.Pad, 0, writer.Remaining - TlvReader.HeaderLength).Clear();
        written = writer.Complete(omitsChecksum);
        pathMtu.OnProbeSent(now, Math.Max(shortestProbe, 3 * rto.SmoothedRtt));
        return true;
    }

    private void HandlePathProbeAck()
    {
        pathProbeNonce = 0;
        errorCount = 0;
        pathMtu.OnProbeAcknowledged();
        UsePacketSize();
    }

    private void UsePacketSize()
    {
        congestion.PacketSize = pathMtu.PacketSize;
        pacer.PacketSize = pathMtu.PacketSize;
    }
}
