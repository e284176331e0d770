namespace Registry.WebRtc.Sctp;

/// <summary>Takes what reassembly completes.</summary>
internal interface IReassemblySink
{
    /// <summary>A message is complete and its turn has come. The array is rented and now the sink's.</summary>
    void OnMessage(ushort streamId, uint ppid, byte[] rented, int length);

    /// <summary>A message exceeds the limit; called once, when that is noticed.</summary>
    void OnMessageTooLarge(ushort streamId);
}
