// Package chart draws the console's charts as SVG: pure functions from numbers to markup. A chart has role="img" and a
// label that states what it shows; its marks have titles. Colours come from classes of the style sheet, such as b-pass;
// see the console's css/5-chart.css. A screen puts a table with the same numbers beside a chart where they matter.
package chart
