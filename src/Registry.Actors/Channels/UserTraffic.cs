namespace Registry.Actors.Channels;

/// <summary>
/// When a tube's conversations last carried user bytes, each way. Control messages and keepalives are none. Written by the pumps, read by anyone.
/// </summary>
internal sealed class UserTraffic(TimeProvider time)
{
    private long sentAt;
    private long receivedAt;

    /// <summary>Timestamp (<see cref="TimeProvider.GetTimestamp"/>) of the last bytes sent to the peer; 0 before the first.</summary>
    public long SentAt => Volatile.Read(ref sentAt);

    /// <summary>Timestamp of the last bytes that came from the peer; 0 before the first.</summary>
    public long ReceivedAt => Volatile.Read(ref receivedAt);

    /// <summary>The clock of the timestamps.</summary>
    public TimeProvider Time => time;

    /// <summary>User bytes go to the peer.</summary>
    public void Sent() => Volatile.Write(ref sentAt, time.GetTimestamp());

    /// <summary>User bytes came from the peer.</summary>
    public void Received() => Volatile.Write(ref receivedAt, time.GetTimestamp());
}
