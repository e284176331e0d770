using Xunit.Abstractions;
using Xunit.Sdk;

namespace Registry.Interop.Tests;

/// <summary>Names the peer that a class of tests runs against.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RequiresPeerAttribute(string name) : Attribute
{
    /// <summary>Name of the peer's <see cref="PeerProfile"/>.</summary>
    public string Name { get; } = name;
}

/// <summary>A theory that is skipped, with the reason, when the machine lacks what the peer of its class needs.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Registry.Interop.Tests.PeerTheoryDiscoverer", "Registry.Interop.Tests")]
public sealed class PeerTheoryAttribute : TheoryAttribute;

/// <summary>Decides for each class of tests whether its peer can run.</summary>
public sealed class PeerTheoryDiscoverer(IMessageSink diagnosticMessageSink) : TheoryDiscoverer(diagnosticMessageSink)
{
    protected override IEnumerable<IXunitTestCase> CreateTestCasesForDataRow(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute, object[] dataRow)
    {
        var name = testMethod.TestClass.Class.GetCustomAttributes(typeof(RequiresPeerAttribute)).Single().GetConstructorArguments().Cast<string>().Single();
        return PeerProfile.Named(name).MissingRequirement() is { } reason
            ? CreateTestCasesForSkippedDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow, reason)
            : base.CreateTestCasesForDataRow(discoveryOptions, testMethod, theoryAttribute, dataRow);
    }
}
