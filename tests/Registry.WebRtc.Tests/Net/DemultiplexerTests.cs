using System.Net;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Tests.Net;

public sealed class DemultiplexerTests
{
    private static readonly TransportAddress Address = TransportAddress.From(IPAddress.Parse("192.0.2.7"), 4000);
    private static readonly byte[] Record = [23, 0xFE, 0xFD, 0, 1];

    private readonly Demultiplexer<string> demultiplexer = new();

    [Fact]
    public void A_record_goes_to_the_owner_of_its_address()
    {
        demultiplexer.Find(Record, Address).ShouldBeNull();

        demultiplexer.TryAddAddress(Address, "one", _ => false).ShouldBeTrue();
        demultiplexer.Find(Record, Address).ShouldBe("one");

        demultiplexer.RemoveAddress(Address, "one");
        demultiplexer.Find(Record, Address).ShouldBeNull();
    }

    [Fact]
    public void An_address_changes_hands_only_when_its_owner_may_lose_it()
    {
        demultiplexer.TryAddAddress(Address, "one", _ => false).ShouldBeTrue();

        demultiplexer.TryAddAddress(Address, "two", _ => false).ShouldBeFalse();
        demultiplexer.Find(Record, Address).ShouldBe("one");

        demultiplexer.TryAddAddress(Address, "two", present => present == "one").ShouldBeTrue();
        demultiplexer.RemoveAddress(Address, "one");
        demultiplexer.Find(Record, Address).ShouldBe("two");
    }

    [Fact]
    public void The_answer_to_a_check_finds_back_before_the_address_has_an_owner()
    {
        var transaction = new StunTransactionId(1, 2);
        demultiplexer.TryAddTransaction(transaction, "one").ShouldBeTrue();
        demultiplexer.TryAddAddress(Address, "two", _ => false);

        demultiplexer.Find(Answer(transaction), Address).ShouldBe("one");
        demultiplexer.Find(Answer(new(1, 3)), Address).ShouldBe("two");
        demultiplexer.Find(Answer(transaction).AsSpan(0, 19), Address).ShouldBe("two");

        demultiplexer.RemoveTransaction(transaction);
        demultiplexer.Find(Answer(transaction), Address).ShouldBe("two");
        demultiplexer.TransactionCount.ShouldBe(0);
    }

    private static byte[] Answer(StunTransactionId transaction)
    {
        var message = new byte[20];
        new byte[] { 1, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42 }.CopyTo(message, 0);
        transaction.Write(message.AsSpan(8));
        return message;
    }
}
